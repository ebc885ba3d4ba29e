import type pg from 'pg'
import { ConnectionError, type LockError } from '../../../base/errors.js'
import type { Random } from '../../../base/random.js'
import type { Capabilities } from '../../capabilities.js'
import type {
  Borrow,
  Dialect,
  NotificationHandlers,
  Guarded,
  LinkSettings,
  ListeningConnection,
  LockLink,
} from '../../dialect.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode, LockKey } from '../../lock-key.js'
import type { NamedKey } from '../../named-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'
import type { Queryable } from '../../queryable.js'
import { RowLink } from '../../rows/link.js'
import { drawMemberId } from '../../rows/member-id.js'
import { Waits } from '../../rows/waits.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'
import { explain } from '../connection/server-errors.js'
import { guard } from '../fencing/guard.js'
import { hashOf } from '../keys/key.js'
import { writeNames } from '../records/key-names.js'
import { join } from './join.js'
import { encodeTableKey, encodeTableSemaphore } from './key.js'
import { readTableLeader, recordTableLeader } from './leader.js'
import { listenForRows } from './listening.js'

/** The capabilities of rows with leases. */
export const ROWS: Capabilities = {
  gaps: {
    conversion: 'a row records each holder in one mode, with the token for that mode',
    line: 'the row of the lock has the waiters in order',
    messages: 'processes are notified only of releases: a deadlock between processes ends with a timeout',
    notify: 'a release wakes the next waiter by itself',
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
  readonly random: Random
  /** The settings of a separate connection that listens. Null: a connection of the pool listens. */
  readonly listenConfig: pg.ClientConfig | null
}

/** Rows with leases in PostgreSQL 14 and later, through any pooler. */
export class TableDialect implements Dialect<PostgresConnection> {
  readonly can: Capabilities = ROWS
  readonly hashOf: (keyId: string) => number = hashOf
  readonly #options: TableDialectOptions
  readonly #waits = new Waits()

  constructor(options: TableDialectOptions) {
    this.#options = options
  }

  encodeKey(key: LockKey, namespace: string): KeyCode {
    return encodeTableKey(key, namespace)
  }

  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode {
    return encodeTableSemaphore(key, permits, namespace)
  }

  async join(
    borrow: Borrow<PostgresConnection>,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    signal: AbortSignal,
  ): Promise<LockLink> {
    const { by, namespace, random } = this.#options
    const id = drawMemberId(random)
    try {
      const { member, facts } = await join(borrow, { id, name: by, namespace, settings, ended, signal })
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

  listen(connection: PostgresConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    const { listenConfig, random } = this.#options
    return listenForRows(LeasedConnection.serverOf(connection), listenConfig, {
      waits: this.#waits,
      handlers,
      random,
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

  /** Reports are found by the pid of a server session, and a member has none. */
  writeReports(): Promise<void> {
    return Promise.resolve()
  }

  explain(error: unknown): LockError {
    return explain(error)
  }
}
