import { hostname } from 'node:os'
import { jsonLine } from '../../base/printable.js'
import { systemClock } from '../../base/clock.js'
import type { Command, ExitStatus } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS, namespaceOf } from '../connection.js'
import { parseDuration } from '../durations.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { toggle, type Flag } from '../flags.js'
import { CREATE_OBJECTS, CREATE_SCHEMA, queueUp } from '../../dialect/postgres/schema/schema-sql.js'
import { moveBackend } from '../../dialect/postgres/migrate/move-backend.js'
import { CREATE_BATCH_FUNCTIONS, CREATE_TABLES } from '../../dialect/postgres/table/schema-sql.js'
import { within } from '../../dialect/postgres/timeline/timeline-sql.js'
import { isMysql } from '../mysql/address.js'
import { openConnection, withServer } from '../server.js'
import type { Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type MoveFlags = typeof CONNECTION_FLAGS &
  Readonly<Record<'to', Flag<'advisory' | 'named' | 'table'>>> &
  Readonly<Record<'timeout', Flag<number>>> &
  Readonly<Record<'json', Flag<true>>>

const FLAGS: MoveFlags = {
  ...CONNECTION_FLAGS,
  to: {
    value: 'BACKEND',
    meaning: 'how the locks are kept from now on',
    default: 'none: it must be given',
    expects: 'advisory, named or table',
    read: (text) => (text === 'advisory' || text === 'named' || text === 'table' ? text : null),
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

/** How long a signal may wait for a new connection that puts the record back. */
const REOPEN_LIMIT_MS = 5000

/** The signals that end this command. It undoes the move first. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']

export const command: Command<MoveFlags> = {
  usage: '--to BACKEND [FLAGS]',
  description: [
    'Changes how the locks of a namespace are kept in a database: as session locks (advisory; in MariaDB and MySQL named) or as rows with leases (table). Pools with the other backend are refused with BACKEND_MISMATCH.',
    'Close the programs that use the namespace first. From the start of the command no pool of either kind can begin; it waits until no lock session and no member is left, and changes nothing if some are left after --timeout. In PostgreSQL lock sessions of other namespaces look the same, so it waits for them as well. A signal ends it, and then nothing has changed; if its process is killed, the next pool finds that out and goes on with the old backend. Two moves of a namespace exclude each other. Fencing tokens continue above all that were given.',
  ],
  flags: FLAGS,
  environment: CONNECTION_ENVIRONMENT,
  examples: [
    ['lockpool migrate-backend --to table', 'behind a pooler in transaction mode from now on'],
    ['lockpool migrate-backend --to named --url mysql://admin@db/shop', 'in MariaDB or MySQL'],
    ['lockpool migrate-backend --to advisory --namespace billing --timeout 5m', 'back, for one namespace'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'busy', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    const { to, timeout = TIMEOUT_MS } = flags
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool migrate-backend takes no arguments')
    if (to === undefined) throw new UsageError('--to is missing: advisory, named or table')
    const namespace = namespaceOf(flags.namespace, process.env)
    const by = `lockpool migrate-backend, process ${process.pid} on ${hostname()}`
    const order = { namespace, by, timeoutMs: timeout, isJson: flags.json === true }
    if (isMysql(flags.url)) {
      if (to === 'advisory') throw new UsageError('--to advisory is for PostgreSQL')
      const { migrateInMysql } = await import('../mysql/migrate.js')
      return migrateInMysql({ ...order, to, url: flags.url }, terminal)
    }
    if (to === 'named') throw new UsageError('--to named is for MariaDB and MySQL')
    return migrateInPostgres({ ...order, to, url: flags.url }, terminal)
  },
}

interface PostgresMigration {
  readonly url: string | undefined
  readonly namespace: string
  readonly to: 'advisory' | 'table'
  readonly by: string
  readonly timeoutMs: number
  readonly isJson: boolean
}

async function migrateInPostgres(
  { url, namespace, to, by, timeoutMs, isJson }: PostgresMigration,
  terminal: Terminal,
): Promise<ExitStatus> {
  const objects = [CREATE_SCHEMA, ...CREATE_OBJECTS, ...CREATE_TABLES, ...CREATE_BATCH_FUNCTIONS]
  let caught: NodeJS.Signals | null = null
  const address = { url, applicationName: 'lockpool migrate-backend' }
  const code = await withServer(address, terminal, async (connection, config) => {
    await connection.query(within(LONGEST_WAIT_MS, queueUp(20), ...objects))
    const stop = new AbortController()
    for (const signal of SIGNALS)
      process.on(signal, () => {
        caught ??= signal
        stop.abort()
      })
    const moved = await moveBackend(
      connection,
      { namespace, to, by, timeoutMs },
      {
        clock: systemClock,
        signal: stop.signal,
        reopen: () => openConnection(config, AbortSignal.timeout(REOPEN_LIMIT_MS)),
      },
    )
    if (!moved.isMoved) {
      const { inTheWay } = moved
      const why = inTheWay === null ? `ended by ${String(caught)}` : `these are still in use: ${inTheWay}`
      terminal.err.write(`lockpool: nothing was changed, ${why}\n`)
      return EXIT.busy
    }
    caught = null
    const { from } = moved
    if (isJson) terminal.out.write(`${jsonLine({ version: 1, namespace, from, to })}\n`)
    else terminal.out.write(`lockpool: locks are kept with backend "${to}" from now on\n`)
    return EXIT.ok
  })
  return caught ?? code
}
