import type pg from 'pg'
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
import { LeasedConnection } from '../pool/leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'
import { explain } from '../connection/server-errors.js'
import { guard } from '../fencing/guard.js'
import { hashOf } from '../keys/key.js'
import { writeNames } from '../records/key-names.js'
import { join } from './join.js'
import { encodeTableKey, encodeTableSemaphore } from './key.js'
import { readTableLeader, recordTableLeader } from './leader.js'
import { ListenCheck } from './listen-check.js'
import { listenForRows } from './listening.js'

/** The capabilities of rows with leases. */
export const ROWS: Capabilities = rowCapabilities({
  messages: 'processes are notified only of releases: a deadlock between processes ends with a timeout',
  notify: 'a release wakes the next waiter by itself',
})

export interface TableDialectOptions extends RowDialectOptions {
  /** The settings of a separate connection that listens. Null: a connection of the pool listens. */
  readonly listenConfig: pg.ClientConfig | null
}

/** Rows with leases in PostgreSQL 14 and later, through any pooler. */
export class TableDialect
  extends RowDialect<PostgresConnection, TableDialectOptions>
  implements Dialect<PostgresConnection>
{
  readonly can: Capabilities = ROWS
  readonly hashOf: (keyId: string) => number = hashOf
  readonly #listenCheck = new ListenCheck()

  encodeKey(key: LockKey, namespace: string): KeyCode {
    return encodeTableKey(key, namespace)
  }

  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode {
    return encodeTableSemaphore(key, permits, namespace)
  }

  protected override makeMember(borrow: Borrow<PostgresConnection>, joining: Joining): Promise<Joined> {
    return join(borrow, joining)
  }

  listen(connection: PostgresConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    const { listenConfig, random } = this.options
    return listenForRows(LeasedConnection.serverOf(connection), listenConfig, {
      waits: this.waits,
      handlers,
      random,
      listenCheck: this.#listenCheck,
    })
  }

  guard(transaction: Queryable, guarded: Guarded): Promise<void> {
    return guard(transaction, guarded)
  }

  recordLeader(connection: PostgresConnection, record: LeaderRecord): Promise<void> {
    return recordTableLeader(LeasedConnection.beneath(connection), record)
  }

  readLeader(connection: PostgresConnection, key: KeyCode): Promise<LeaderInfo | null> {
    return readTableLeader(LeasedConnection.beneath(connection), key)
  }

  writeNames(connection: PostgresConnection, names: readonly NamedKey[]): Promise<void> {
    return writeNames(LeasedConnection.beneath(connection), names)
  }

  override explain(error: unknown): LockError {
    return explain(error)
  }
}
