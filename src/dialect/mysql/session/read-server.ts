import { ConnectionError } from '../../../base/errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { mayReplicate } from '../hosts/host-list.js'
import { roleOf, unsuitable } from '../hosts/role.js'
import { FACTS, MORE_FACTS } from './attach-sql.js'

/** The facts about a server before it is used for locks. */
export interface ReadServer {
  readonly isMariaDb: boolean
  /** Identifies this server among all servers. */
  readonly identity: string
  readonly database: string | null
  /** Whether the server ignores case in names of databases. */
  readonly foldsNames: boolean
  /** Whether a statement runs in the session that the handshake announced. */
  readonly isOwnSession: boolean
  /** Whether it is a node of a Galera cluster. */
  readonly isCluster: boolean
  /** The replication group that it belongs to. */
  readonly group: string | null
  /** Why its locks would not exclude holders on the primary, or null. */
  readonly unsuitable: string | null
  /** What could not be checked about that, or null. */
  readonly unchecked: string | null
  /** Whether commits are on disk. In a cluster, the other nodes have them. */
  readonly isDurable: boolean
  /** Whether the binary log contains statements instead of rows. */
  readonly logsStatements: boolean
}

/** The oldest versions with the features that our statements need. */
const OLDEST_MARIADB = 10_06
const OLDEST_MYSQL = 8_00

/** @throws {ConnectionError} it is another product, or too old */
export async function readServer(server: ServerConnection): Promise<ReadServer> {
  const row = (await server.say(FACTS))[0]!
  const [id, version, comment, current, foldsNames, where] = row
  const isMariaDb = checkProduct(String(version), String(comment))
  const more = new Map((await server.say(MORE_FACTS)).map(([name, value]) => [name, String(value)]))
  const isOn = (name: string): boolean => /^(?:on|1)$/i.test(more.get(name) ?? '')
  const role = await roleOf(server)
  return {
    isMariaDb,
    identity: `${where} ${more.get('server_uuid') ?? more.get('server_uid') ?? ''}`.trim(),
    database: current === null ? null : String(current),
    foldsNames: Number(foldsNames) !== 0,
    isOwnSession: Number(id) === server.threadId,
    isCluster: role.isCluster,
    unsuitable: unsuitable(role, mayReplicate(server.config)),
    unchecked: role.unchecked,
    group: more.get('group_replication_group_name') || null,
    isDurable: role.isCluster || more.get('innodb_flush_log_at_trx_commit') === '1',
    logsStatements: isOn('log_bin') && more.get('binlog_format') === 'STATEMENT',
  }
}

/** Returns true for MariaDB. */
function checkProduct(version: string, comment: string): boolean {
  const product = `${version} ${comment}`
  const other = /vitess|planetscale|tidb|oceanbase|singlestore|clickhouse/i.exec(product)
  if (other !== null)
    throw new ConnectionError(
      `this server is ${other[0]}, where named locks are not known to exclude other holders`,
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

/**
 * Names of locks contain the configured name of the database: two spellings of one database would be two namespaces.
 */
export function checkDatabase(database: string | null, foldsNames: boolean): void {
  if (database === null || !foldsNames || database === database.toLowerCase()) return
  throw new ConnectionError(
    `this server takes "${database}" and "${database.toLowerCase()}" for one database: write its name in lower case`,
    { retryable: false },
  )
}
