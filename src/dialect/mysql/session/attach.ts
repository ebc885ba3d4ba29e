import {
  ConnectionError,
  InvalidOptionError,
  PoolerDetectedError,
  StrictUnavailableError,
} from '../../../base/errors.js'
import type { LinkSettings } from '../../dialect.js'
import { FACTS, IN_FORCE, MORE_FACTS, settings } from './attach-sql.js'
import { Fence } from '../fencing/fence.js'
import { explain, isDenied } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** What is known of a server that will do. */
export interface ServerFacts {
  readonly isMariaDb: boolean
  /** Names this server among all. */
  readonly identity: string
  readonly database: string | null
}

/** A fencing source, or why there is none. */
export type Fencing = Fence | string

/** What named locks need came with these. */
const OLDEST_MARIADB = 10_06
const OLDEST_MYSQL = 8_00

/** Which database was asked for, as the program has written it. */
export async function checkServer(server: ServerConnection, database: string | null): Promise<ServerFacts> {
  const row = (await server.say(FACTS))[0]!
  const [id, version, comment, readOnly, current, foldsNames, where] = row
  if (Number(id) !== server.threadId) throw new PoolerDetectedError(SWITCHED)
  const isMariaDb = checkProduct(String(version), String(comment))
  const more = new Map((await server.say(MORE_FACTS)).map(([name, value]) => [name, String(value)]))
  const isOn = (name: string): boolean => /^(?:on|1)$/i.test(more.get(name) ?? '')
  if (isOn('wsrep_on'))
    throw new ConnectionError(
      'this server is a node of a Galera cluster, where a named lock excludes nobody on the other nodes. Backend "table", locks in rows, is not made for MySQL yet',
      { retryable: false },
    )
  if ((more.get('group_replication_group_name') ?? '') !== '')
    throw new ConnectionError(
      'this server is in a replication group, where a named lock excludes nobody on the other servers. Backend "table", locks in rows, is not made for MySQL yet',
      { retryable: false },
    )
  // Worth another try: a fail-over makes it the primary, or leads the same name to another server.
  if (Number(readOnly) !== 0 || isOn('super_read_only') || isOn('innodb_read_only'))
    throw new ConnectionError('this server is read-only: a named lock here excludes nobody on the primary')
  checkDatabase(database, Number(foldsNames))
  const identity = `${where} ${more.get('server_uuid') ?? more.get('server_uid') ?? ''}`.trim()
  return { isMariaDb, identity, database: current === null ? null : String(current) }
}

/** True if it is MariaDB. */
function checkProduct(version: string, comment: string): boolean {
  const product = `${version} ${comment}`
  const other = /vitess|planetscale|tidb|oceanbase|singlestore|clickhouse/i.exec(product)
  if (other !== null)
    throw new ConnectionError(
      `this server is ${other[0]}, where named locks are not known to exclude anybody`,
      {
        retryable: false,
      },
    )
  const isMariaDb = /mariadb/i.test(product)
  // Behind replication, MariaDB calls itself 5.5.5-10.11.
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(version.replace(/^5\.5\.5-/, '')) ?? []
  const number = Number(major) * 100 + Number(minor)
  if (number >= (isMariaDb ? OLDEST_MARIADB : OLDEST_MYSQL)) return isMariaDb
  throw new ConnectionError(
    `${isMariaDb ? 'MariaDB' : 'MySQL'} ${version} is too old: lock sessions need JSON_TABLE, which came with ` +
      'MariaDB 10.6 and MySQL 8.0',
    { retryable: false },
  )
}

/** Names of locks have the database in them as it was written: two ways to write one database would be two namespaces. */
function checkDatabase(database: string | null, foldsNames: number): void {
  if (database === null || foldsNames === 0 || database === database.toLowerCase()) return
  throw new ConnectionError(
    `this server takes "${database}" and "${database.toLowerCase()}" for one database: write its name in lower case`,
    { retryable: false },
  )
}

/** The settings that the lease depends on, read back. */
export async function putInForce(
  server: ServerConnection,
  { isMariaDb }: ServerFacts,
  leaseMs: number,
): Promise<void> {
  const seconds = leaseSeconds(leaseMs)
  await server.say(settings(isMariaDb, seconds))
  const [timeout, length, id] = (await server.say(IN_FORCE))[0]!
  if (Number(id) !== server.threadId) throw new PoolerDetectedError(SWITCHED)
  if (Number(timeout) === seconds && Number(length) >= 1_048_576) return
  throw new ConnectionError(
    `the server does not take the settings of lock sessions: wait_timeout is ${timeout} s`,
    {
      retryable: false,
    },
  )
}

/** @throws {InvalidOptionError} */
export function leaseSeconds(leaseMs: number): number {
  if (leaseMs % 1000 === 0 && leaseMs >= 2000) return leaseMs / 1000
  throw new InvalidOptionError([
    `"leaseMs" must be whole seconds, 2000 at least, because the server counts in seconds: got ${leaseMs}`,
  ])
}

/** Locks work either way. */
export async function findFencing(
  server: ServerConnection,
  facts: ServerFacts,
  wanted: LinkSettings,
): Promise<Fencing> {
  if (wanted.strict)
    throw new StrictUnavailableError(
      '"strict" is not to be had with named locks: nothing outlives a session on the server',
    )
  if (wanted.fencing === 'off') return '"fencing" is off'
  if (facts.database === null)
    return 'the connection has no database, in which the table lockpool_fence could be'
  try {
    return await Fence.find(server, facts.identity, wanted.seen.greatest)
  } catch (error) {
    if (server.hasEnded) throw error
    const why = isDenied(error) ? 'may not be made or used by this user' : 'could not be made or used'
    return `the tables lockpool_fence and lockpool_run ${why} (${explain(error).message})`
  }
}

/** Each statement says on which session it ran. */
export const SWITCHED: string =
  'something between this process and the server hands statements of one connection to several sessions of the server, ' +
  'so that locks would be where nobody looks for them: connect lockpool to the server itself'
