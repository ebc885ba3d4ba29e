import { hostname } from 'node:os'
import { jsonLine } from '../../base/printable.js'
import { systemClock } from '../../base/clock.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS, namespaceOf } from '../connection.js'
import { parseDuration } from '../durations.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { toggle, type Flag } from '../flags.js'
import { CREATE_OBJECTS, CREATE_SCHEMA, queueUp } from '../../dialect/postgres/schema/schema-sql.js'
import { moveBackend } from '../../dialect/postgres/migrate/move-backend.js'
import { CREATE_BATCH_FUNCTIONS, CREATE_TABLES } from '../../dialect/postgres/table/schema-sql.js'
import { within } from '../../dialect/postgres/timeline/timeline-sql.js'
import { withServer } from '../server.js'
import { UsageError } from '../usage-error.js'

type MoveFlags = typeof CONNECTION_FLAGS &
  Readonly<Record<'to', Flag<'advisory' | 'table'>>> &
  Readonly<Record<'timeout', Flag<number>>> &
  Readonly<Record<'json', Flag<true>>>

const FLAGS: MoveFlags = {
  ...CONNECTION_FLAGS,
  to: {
    value: 'BACKEND',
    meaning: 'how the locks are kept from now on',
    default: 'none: it must be given',
    expects: 'advisory or table',
    read: (text) => (text === 'advisory' || text === 'table' ? text : null),
  },
  timeout: {
    value: 'DURATION',
    meaning: 'how long to wait for pools with the old backend to be closed',
    default: '60s',
    expects: 'a duration',
    read: parseDuration,
  },
  json: toggle({ meaning: 'print the result as one JSON object' }),
}

const TIMEOUT_MS = 60_000
const LONGEST_WAIT_MS = 10_000

export const command: Command<MoveFlags> = {
  usage: '--to BACKEND [FLAGS]',
  description: [
    'Changes how the locks of a namespace are kept in a database: as session locks (advisory) or as rows with leases (table). Pools with the other backend are refused with BACKEND_MISMATCH.',
    'Close the programs that use the namespace first. From the start of the command no pool of either kind can begin; it waits until no lock session and no member is left, and changes nothing if some are left after --timeout. Lock sessions of other namespaces look the same, so it waits for them as well. Fencing tokens continue above all that were given.',
  ],
  flags: FLAGS,
  environment: CONNECTION_ENVIRONMENT,
  examples: [
    ['lockpool migrate-backend --to table', 'behind a pooler in transaction mode from now on'],
    ['lockpool migrate-backend --to advisory --namespace billing --timeout 5m', 'back, for one namespace'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'busy', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    const { to, timeout = TIMEOUT_MS } = flags
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool migrate-backend takes no arguments')
    if (to === undefined) throw new UsageError('--to is missing: advisory or table')
    const namespace = namespaceOf(flags.namespace, process.env)
    const by = `lockpool migrate-backend, process ${process.pid} on ${hostname()}`
    return withServer(
      { url: flags.url, applicationName: 'lockpool migrate-backend' },
      terminal,
      async (connection) => {
        const objects = [CREATE_SCHEMA, ...CREATE_OBJECTS, ...CREATE_TABLES, ...CREATE_BATCH_FUNCTIONS]
        await connection.query(within(LONGEST_WAIT_MS, queueUp(20), ...objects))
        const moved = await moveBackend(connection, { namespace, to, by, timeoutMs: timeout }, systemClock)
        if ('inTheWay' in moved) {
          terminal.err.write(`lockpool: nothing was changed, these are still in use: ${moved.inTheWay}\n`)
          return EXIT.busy
        }
        const { from } = moved
        if (flags.json === true) terminal.out.write(`${jsonLine({ version: 1, namespace, from, to })}\n`)
        else terminal.out.write(`lockpool: locks are kept with backend "${to}" from now on\n`)
        return EXIT.ok
      },
    )
  },
}
