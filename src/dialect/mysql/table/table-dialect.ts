import { ConnectionError, type LockError } from '../../../base/errors.js'
import type { Random } from '../../../base/random.js'
import type { Capabilities } from '../../capabilities.js'
import type {
  Borrow,
  Dialect,
  Guarded,
  LinkSettings,
  ListeningConnection,
  LockLink,
  NotificationHandlers,
} from '../../dialect.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode, LockKey } from '../../lock-key.js'
import type { NamedKey } from '../../named-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'
import type { Queryable } from '../../queryable.js'
import { RowLink } from '../../rows/link.js'
import { drawMemberId } from '../../rows/member-id.js'
import { Waits } from '../../rows/waits.js'
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
export const MYSQL_ROWS: Capabilities = {
  gaps: {
    conversion: 'a row records each holder in one mode, with the token for that mode',
    line: 'the row of the lock has the waiters in order',
    messages:
      'processes send each other no messages: a deadlock between processes ends with a timeout, and a waiter polls the row to learn that its turn has come',
    notify: 'there are no notifications: the first waiter polls every few milliseconds',
    'lock table': 'only the disk limits the number of rows',
    'strict marks': 'a lock is free only when the lease of its holder is over, so no hold record is needed',
    'ends with the connection':
      'connections are borrowed for a statement: only the end of the lease tells that a process is gone',
  },
  renewedBy: 'heartbeat',
  tokens: 'per operation',
  passesTo: 'first waiter',
  leaseGranularityMs: 1,
  sessions: 2,
}

export interface TableDialectOptions {
  /** The name of the process for people. */
  readonly by: string
  readonly namespace: string
  /** The database of all connections, in the spelling of the program. */
  readonly database: string | null
  readonly random: Random
}

/** Rows with leases in InnoDB: MariaDB 10.6 and MySQL 8.0 and later, on one server or in a Galera cluster. */
export class MysqlTableDialect implements Dialect<MysqlConnection> {
  readonly can: Capabilities = MYSQL_ROWS
  readonly hashOf: (keyId: string) => number = hashOfRow
  readonly #options: TableDialectOptions
  readonly #waits = new Waits()

  constructor(options: TableDialectOptions) {
    this.#options = options
  }

  encodeKey(key: LockKey, namespace: string): KeyCode {
    return encodeRowKey(key, namespace)
  }

  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode {
    return encodeRowSemaphore(key, permits, namespace)
  }

  async join(
    borrow: Borrow<MysqlConnection>,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    signal: AbortSignal,
  ): Promise<LockLink> {
    const { by, namespace, database, random } = this.#options
    const id = drawMemberId(random)
    try {
      const joining = { id, name: by, namespace, database, settings, ended, signal }
      const { member, facts } = await join(borrow, joining)
      this.#waits.dead = () => member.dead
      return new RowLink(member, this.#waits, facts)
    } catch (error) {
      throw explain(error)
    }
  }

  attach(): Promise<LockLink> {
    return Promise.reject(
      new ConnectionError('rows with leases belong to no connection', { retryable: false }),
    )
  }

  listen(connection: MysqlConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    const { random } = this.#options
    return listenForRows(LeasedConnection.serverOf(connection), { waits: this.#waits, handlers, random })
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

  /** Reports are found by the id of a server session, and a member has none. */
  writeReports(): Promise<void> {
    return Promise.resolve()
  }

  explain(error: unknown): LockError {
    return explain(error)
  }
}
