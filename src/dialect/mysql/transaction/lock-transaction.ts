import type { LockKey } from '../../lock-key.js'
import type { MysqlConnection } from '../connection/connection.js'
import type { ROW_STRENGTHS, ROW_WAITS } from '../connection/transaction-sql.js'

/** How strongly `lockRows` locks: `FOR UPDATE` or `FOR SHARE`. */
export type RowStrength = keyof typeof ROW_STRENGTHS

/** What to do about rows that another transaction has locked. */
export type RowWait = keyof typeof ROW_WAITS

/** How `tx.lock` locks. */
export interface TransactionLockOptions {
  /**
   * How long to wait. 0 is one attempt; `Infinity` waits for ever.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/** How `tx.lockRows` locks. */
export interface LockRowsOptions {
  /** Default `'update'`. */
  readonly strength?: RowStrength
  /** With `'nowait'` a locked row is a LockTimeoutError at once; `'skip locked'` leaves it out. Default `'block'`. */
  readonly wait?: RowWait
  /**
   * How long each wait for a row may last. The server counts in whole seconds: it is rounded up.
   *
   * Default the pool's `acquireTimeoutMs`. From 1 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/**
 * One connection between START TRANSACTION and COMMIT, and the locks that end with it. An attempt that times out leaves the
 * transaction usable, as it was before. After a deadlock the server has rolled everything back: nothing more is sent.
 */
export interface LockTransaction extends Pick<MysqlConnection, 'query' | 'execute'> {
  /**
   * The lock that `acquire` would take, until the transaction has ended. It is held by a lock session of the pool: a
   * transaction whose lock is lost is rolled back.
   *
   * @throws as `acquire`
   */
  lock(key: LockKey, options?: TransactionLockOptions): Promise<void>

  /**
   * One attempt, without waiting: false if it is not free.
   *
   * @throws as `tryAcquire`
   */
  tryLock(key: LockKey): Promise<boolean>

  /**
   * Locks the rows of `table` in which every column of `where` has the value given (`null` is IS NULL, an array is any of
   * its elements; no columns at all means every row), and answers them.
   *
   * @throws {LockTimeoutError} not in time, or with `'nowait'` not at once
   * @throws {LockDeadlockError} the server has found that this wait closes a cycle, and has rolled the transaction back
   * @throws {InvalidOptionError}
   */
  lockRows<Row = Record<string, unknown>>(
    table: string,
    where: Readonly<Record<string, unknown>>,
    options?: LockRowsOptions,
  ): Promise<Row[]>
}
