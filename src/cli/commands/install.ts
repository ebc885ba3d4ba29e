import { systemClock } from '../../base/clock.js'
import { administer, ERRAND_FLAGS, type Errand, type ErrandFlags } from '../administer.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { parseDuration } from '../durations.js'
import { exitRows } from '../exit-codes.js'
import { listFlag, toggle, type Flag } from '../flags.js'
import {
  CREATE_KEY_NAMES,
  CREATE_OBJECTS,
  CREATE_SCHEMA,
  grantsTo,
  keyNameGrantsTo,
  queueUp,
  UPGRADE_TIMELINE,
} from '../../dialect/postgres/schema/schema-sql.js'
import {
  CREATE_RELEASE_REQUESTS,
  releaseRequestGrantsTo,
} from '../../dialect/postgres/records/release-request-sql.js'
import { CREATE_REPORTS, reportGrantsTo } from '../../dialect/postgres/records/report-sql.js'
import {
  CREATE_BATCH_FUNCTIONS,
  CREATE_TABLES,
  tableGrantsTo,
} from '../../dialect/postgres/table/schema-sql.js'
import { decideStrictLease } from '../../dialect/postgres/fencing/strict-lease.js'
import { within } from '../../dialect/postgres/timeline/timeline-sql.js'
import { UsageError } from '../usage-error.js'

type InstallFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'role', Flag<readonly string[]>>> &
  Readonly<Record<'no-key-names', Flag<true>>> &
  Readonly<Record<'backend', Flag<'advisory' | 'table'>>> &
  Readonly<Record<'strict-lease', Flag<number>>> &
  ErrandFlags

const FLAGS: InstallFlags = {
  url: CONNECTION_FLAGS.url,
  role: listFlag('ROLE', {
    meaning: 'a role that may use it, in addition to the one that installs; may be given more than once',
    default: 'none',
  }),
  'no-key-names': toggle({
    meaning:
      'leave out the tables for names of keys, ages of locks and requests to holders, for lockpool ls, who, top, break --ask and dashboard',
  }),
  backend: {
    value: 'BACKEND',
    meaning: 'table: also what pools with backend "table" need, which are three tables and two functions',
    default: 'advisory',
    expects: 'advisory or table',
    read: (text) => (text === 'advisory' || text === 'table' ? text : null),
  },
  'strict-lease': {
    value: 'DURATION',
    meaning:
      'the longest lease of strict pools in this database; raising it waits until every replica has received it',
    default: 'the lease of the first strict pool, at most 30s',
    expects: 'a duration from 1s to 24h',
    read: (text) => {
      const leaseMs = parseDuration(text)
      return leaseMs !== null && leaseMs >= 1000 ? leaseMs : null
    },
  },
  ...ERRAND_FLAGS,
}

/** The time limit for locks of other sessions on the existing objects. */
const LONGEST_WAIT_MS = 10_000

interface Wanted {
  readonly backend: 'advisory' | 'table'
  readonly keyNames: boolean
  readonly roles: readonly string[]
}

function statementsFor({ backend, keyNames, roles }: Wanted): readonly string[] {
  const names = [
    CREATE_KEY_NAMES,
    CREATE_REPORTS,
    CREATE_RELEASE_REQUESTS,
    ...roles.flatMap((role) => [keyNameGrantsTo(role), reportGrantsTo(role), releaseRequestGrantsTo(role)]),
  ]
  const rows = [...CREATE_TABLES, ...CREATE_BATCH_FUNCTIONS, ...roles.flatMap(tableGrantsTo)]
  return [
    CREATE_SCHEMA,
    ...CREATE_OBJECTS,
    UPGRADE_TIMELINE,
    ...roles.flatMap(grantsTo),
    ...(keyNames ? names : []),
    ...(backend === 'table' ? rows : []),
  ]
}

export const command: Command<InstallFlags> = {
  usage: '[FLAGS]',
  description: [
    'Creates the schema lockpool in a database: a sequence for fencing tokens, small tables for guards, leaders, strict mode and facts about the server, a secret for messages between processes, and three tables for people who inspect locks: names of keys, ages of locks, and requests to holders. Existing objects are kept, or upgraded.',
    'A pool whose role may create a schema does the same at its first use, except for the last three tables. Locks alone need none of it.',
  ],
  flags: FLAGS,
  environment: CONNECTION_ENVIRONMENT,
  examples: [
    ['lockpool install --role app --role worker', 'as the owner of the database, for two other roles'],
    ['lockpool install --role app --print | psql mydb', 'read it first, or put it into a migration'],
    ['lockpool install --strict-lease 60s', 'before strict pools use a longer "leaseMs"'],
    ['lockpool install --json', 'in a pipeline, for a program'],
    ['lockpool install --backend table --role app', 'for pools behind a pooler in transaction mode'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool install takes no arguments')
    const roles = flags.role ?? []
    const keyNames = flags['no-key-names'] !== true
    const { backend = 'advisory' } = flags
    const leaseMs = flags['strict-lease']
    if (leaseMs !== undefined && flags.print === true)
      throw new UsageError(
        '--strict-lease and --print exclude each other: raising the lease has to check the replicas',
      )
    const errand: Errand = {
      url: flags.url,
      applicationName: 'lockpool install',
      first: within(LONGEST_WAIT_MS, queueUp(20)),
      statements: statementsFor({ backend, keyNames, roles }),
      done: 'lockpool: schema lockpool is installed',
      facts: {
        installed: true,
        schema: 'lockpool',
        roles,
        keyNames,
        ...(backend === 'table' ? { backend } : {}),
        ...(leaseMs === undefined ? {} : { strictLeaseMs: leaseMs }),
      },
      ...(leaseMs === undefined
        ? {}
        : { finish: (connection) => decideStrictLease(connection, leaseMs, systemClock) }),
    }
    return administer(errand, flags, terminal)
  },
}
