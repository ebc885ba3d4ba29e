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

/** What rows with leases can do in MariaDB and MySQL, and what not. */
export const MYSQL_ROWS: Capabilities = {
  gaps: {
    conversion: 'a row knows each holder in one mode, with the token of that',
    line: 'waiters stand in order in the row of the lock',
    messages:
      'processes say nothing to each other: a deadlock between processes ends with a timeout, and a waiter learns that it is its turn by looking at the row',
    notify: 'nothing is notified: the first waiter looks every few milliseconds',
    'lock table': 'rows are as many as the disk has room for',
    'strict marks': 'a lock is free only when the lease of its holder is over, so no mark is needed',
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
  /** How people find the process. */
  readonly by: string
  readonly namespace: string
  /** Of all connections, as the program has written it. */
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

  /** They are found by the number of a server session, which there is none of here. */
  writeReports(): Promise<void> {
    return Promise.resolve()
  }

  explain(error: unknown): LockError {
    return explain(error)
  }
}
