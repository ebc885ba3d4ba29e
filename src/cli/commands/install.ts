import { systemClock } from '../../base/clock.js'
import { printable } from '../../base/printable.js'
import { administer, ADMIN_FLAGS, type AdminOrder, type AdminFlags } from '../administer.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { parseDuration } from '../durations.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { listFlag, toggle, type Flag, type FlagValues } from '../flags.js'
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
import { makeDatabase } from '../../dialect/postgres/schema/make-database.js'
import { isMysql, refuseInMysql } from '../mysql/address.js'
import { decideStrictLease } from '../../dialect/postgres/fencing/strict-lease.js'
import { within } from '../../dialect/postgres/timeline/timeline-sql.js'
import { findEngine, type Engine } from '../../dialect/postgres/distributed/engine.js'
import { makeTables, tableScript } from '../../dialect/postgres/distributed/schema.js'
import { InvalidOptionError } from '../../base/errors.js'
import type { ServerConnection } from '../../dialect/postgres/connection/server-connection.js'
import { withServer } from '../server.js'
import type { Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type InstallFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'role', Flag<readonly string[]>>> &
  Readonly<Record<'no-key-names', Flag<true>>> &
  Readonly<Record<'backend', Flag<Backend>>> &
  Readonly<Record<'engine', Flag<Engine>>> &
  Readonly<Record<'database', Flag<string>>> &
  Readonly<Record<'strict-lease', Flag<number>>> &
  AdminFlags

type Backend = 'advisory' | 'named' | 'table'

const BACKENDS: readonly Backend[] = ['advisory', 'named', 'table']

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
    meaning: 'table: also what pools with backend "table" need, which are tables and functions',
    default: 'advisory; with MariaDB and MySQL named',
    expects: 'advisory, named or table',
    read: (text) => BACKENDS.find((each) => each === text) ?? null,
  },
  engine: {
    value: 'ENGINE',
    meaning:
      'with --backend table; distributed: tables in SQL that CockroachDB, YugabyteDB and Aurora DSQL document, one statement per transaction',
    default: 'distributed if the server says that it is one of them, postgres otherwise',
    expects: 'postgres or distributed',
    read: (text) => (text === 'postgres' || text === 'distributed' ? text : null),
  },
  database: {
    value: 'NAME',
    meaning:
      'the database to install in; it is created if it does not exist. Dumps and reports of other databases do not slow down the locks in it',
    default: 'the database of the address',
    expects: 'the name of a database, of 1 to 63 bytes',
    read: (text) => (Buffer.byteLength(text) > 0 && Buffer.byteLength(text) <= 63 ? text : null),
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
  ...ADMIN_FLAGS,
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

/** @throws {UsageError} a flag is for PostgreSQL only */
async function installInMysql(flags: FlagValues<InstallFlags>, terminal: Terminal): Promise<number> {
  refuseInMysql(flags.url, flags, 'engine', 'role', 'no-key-names', 'database', 'strict-lease', 'print')
  const { url, backend = 'named', json } = flags
  if (backend === 'advisory') throw new UsageError('--backend advisory is for PostgreSQL')
  const { installInMysql: install } = await import('../mysql/install.js')
  return install({ url, backend, isJson: json === true }, terminal)
}

function makeFirst(database: string, url: string | undefined, terminal: Terminal): Promise<number> {
  return withServer({ url, applicationName: 'lockpool install' }, terminal, async (connection) => {
    await makeDatabase(connection, database)
    return EXIT.ok
  })
}

function checkFlags(flags: FlagValues<InstallFlags>): void {
  const { print, database, engine, 'strict-lease': leaseMs } = flags
  if (engine !== undefined && flags.backend !== 'table')
    throw new UsageError('--engine needs --backend table')
  if (engine === 'distributed') {
    const other = (['no-key-names', 'database', 'strict-lease'] as const).find(
      (name) => flags[name] !== undefined,
    )
    if (other !== undefined) throw new UsageError(`--${other} and --engine distributed exclude each other`)
  }
  if (print !== true) return
  if (leaseMs !== undefined)
    throw new UsageError(
      '--strict-lease and --print exclude each other: raising the lease has to check the replicas',
    )
  if (database !== undefined)
    throw new UsageError(
      '--database and --print exclude each other: a database cannot be created in a transaction',
    )
}

/** Creates the tables of engine 'distributed' if the server has that engine, or if the command line says so. */
async function installTables(
  connection: ServerConnection,
  { backend, engine, role: roles = [], 'strict-lease': leaseMs }: FlagValues<InstallFlags>,
): Promise<Pick<AdminOrder, 'done' | 'facts'> | null> {
  if ((engine ?? (await findEngine(connection))) === 'postgres') return null
  if (backend !== 'table' || leaseMs !== undefined)
    throw new InvalidOptionError([
      `this server keeps locks only as rows: it needs --backend table${leaseMs === undefined ? '' : ', without --strict-lease'}`,
    ])
  await makeTables(connection, roles)
  return {
    done: "lockpool: the tables of engine 'distributed' are installed in schema lockpool",
    facts: {
      installed: true,
      schema: 'lockpool',
      roles,
      keyNames: false,
      backend,
      engine: 'distributed',
    },
  }
}

export const command: Command<InstallFlags> = {
  usage: '[FLAGS]',
  description: [
    'Creates the schema lockpool in a database: a sequence for fencing tokens, small tables for guards, leaders, strict mode and facts about the server, a secret for messages between processes, and three tables for people who inspect locks: names of keys, ages of locks, and requests to holders. Existing objects are kept, or upgraded.',
    'In MariaDB and MySQL: the tables that named locks need for tokens, guards, leaders and names, and with --backend table the tables and procedures of locks in rows.',
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
    ['lockpool install --backend table --database locks --role app', 'the same in a separate database'],
    ['lockpool install --backend table --engine distributed', 'for locks in CockroachDB, for example'],
    ['lockpool install --url mysql://db/shop --backend table', 'for locks in rows of InnoDB'],
  ],
  exitCodes: exitRows('ok', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0 || rest !== null) throw new UsageError('lockpool install takes no arguments')
    if (isMysql(flags.url)) return installInMysql(flags, terminal)
    if (flags.backend === 'named') throw new UsageError('--backend named is for MariaDB and MySQL')
    const roles = flags.role ?? []
    const keyNames = flags['no-key-names'] !== true
    const backend = flags.backend === 'table' ? 'table' : 'advisory'
    const leaseMs = flags['strict-lease']
    checkFlags(flags)
    const isDistributed = flags.engine === 'distributed'
    const { database } = flags
    const made = database === undefined ? EXIT.ok : await makeFirst(database, flags.url, terminal)
    if (made !== EXIT.ok) return made
    const errand: AdminOrder = {
      ...(database === undefined ? {} : { database }),
      url: flags.url,
      applicationName: 'lockpool install',
      first: within(LONGEST_WAIT_MS, queueUp(20)),
      statements: isDistributed ? tableScript(roles) : statementsFor({ backend, keyNames, roles }),
      instead: (connection) => installTables(connection, flags),
      isPortable: isDistributed,
      isStepwise: isDistributed,
      done: `lockpool: schema lockpool is installed${database === undefined ? '' : ` in database ${printable(database)}`}`,
      facts: {
        installed: true,
        schema: 'lockpool',
        roles,
        keyNames,
        ...(database === undefined ? {} : { database }),
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
