import type { LockError } from '../../../base/errors.js'
import type { Capabilities } from '../../capabilities.js'
import type { Borrow, Dialect, Guarded, ListeningConnection, NotificationHandlers } from '../../dialect.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode, LockKey } from '../../lock-key.js'
import type { NamedKey } from '../../named-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'
import type { Queryable } from '../../queryable.js'
import type { Joined, Joining } from '../../rows/joining.js'
import { RowDialect, rowCapabilities, type RowDialectOptions } from '../../rows/row-dialect.js'
import type { MysqlConnection } from '../connection/connection.js'
import { explain } from '../connection/server-errors.js'
import { guard } from '../fencing/guard.js'
import { writeNames } from '../inspect/read-server-state.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import { recordLeader } from '../records/leader.js'
import { join } from './join.js'
import { encodeRowKey, encodeRowSemaphore, hashOfRow } from './key.js'
import { readRowLeader } from './leader.js'
import { listenForRows } from './listening.js'

/** The capabilities of rows with leases in MariaDB and MySQL. */
export const MYSQL_ROWS: Capabilities = rowCapabilities({
  messages:
    'processes send each other no messages: a deadlock between processes ends with a timeout, and a waiter polls the row to learn that its turn has come',
  notify: 'there are no notifications: the first waiter polls every few milliseconds',
})

export interface TableDialectOptions extends RowDialectOptions {
  /** The database of all connections, in the spelling of the program. */
  readonly database: string | null
}

/** Rows with leases in InnoDB: MariaDB 10.6 and MySQL 8.0 and later, on one server or in a Galera cluster. */
export class MysqlTableDialect
  extends RowDialect<MysqlConnection, TableDialectOptions>
  implements Dialect<MysqlConnection>
{
  readonly can: Capabilities = MYSQL_ROWS
  readonly hashOf: (keyId: string) => number = hashOfRow

  encodeKey(key: LockKey, namespace: string): KeyCode {
    return encodeRowKey(key, namespace)
  }

  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode {
    return encodeRowSemaphore(key, permits, namespace)
  }

  protected override makeMember(borrow: Borrow<MysqlConnection>, joining: Joining): Promise<Joined> {
    return join(borrow, joining, this.options.database)
  }

  listen(connection: MysqlConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    const { random } = this.options
    return listenForRows(LeasedConnection.serverOf(connection), { waits: this.waits, handlers, random })
  }

  guard(transaction: Queryable, guarded: Guarded): Promise<void> {
    return guard(transaction, guarded)
  }

  recordLeader(connection: MysqlConnection, record: LeaderRecord): Promise<void> {
    return recordLeader(LeasedConnection.serverOf(connection), record)
  }

  readLeader(connection: MysqlConnection, key: KeyCode): Promise<LeaderInfo | null> {
    return readRowLeader(LeasedConnection.serverOf(connection), key)
  }

  writeNames(connection: MysqlConnection, names: readonly NamedKey[]): Promise<void> {
    return writeNames(LeasedConnection.serverOf(connection), names)
  }

  override explain(error: unknown): LockError {
    return explain(error)
  }
}
