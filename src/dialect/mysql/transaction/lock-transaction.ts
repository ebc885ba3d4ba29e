import type { LockKey } from '../../lock-key.js'
import type { MysqlConnection } from '../connection/connection.js'
import type { ROW_STRENGTHS, ROW_WAITS } from '../connection/transaction-sql.js'

/** How strongly `lockRows` locks: `FOR UPDATE` or `FOR SHARE`. */
export type RowStrength = keyof typeof ROW_STRENGTHS

/** What to do about rows that another transaction has locked. */
export type RowWait = keyof typeof ROW_WAITS

/** The options of `tx.lock`. */
export interface TransactionLockOptions {
  /**
   * How long to wait. 0 is one attempt; `Infinity` waits forever.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/** The options of `tx.lockRows`. */
export interface LockRowsOptions {
  /** Default `'update'`. */
  readonly strength?: RowStrength
  /** With `'nowait'` a locked row is a LockTimeoutError at once; `'skip locked'` skips it. Default `'block'`. */
  readonly wait?: RowWait
  /**
   * How long each wait for a row may last. It is rounded up to whole seconds, because the server counts in seconds.
   *
   * Default the pool's `acquireTimeoutMs`. From 1 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/**
 * A connection between START TRANSACTION and COMMIT, and the locks that end with it. An attempt that times out leaves
 * the transaction usable, as it was before. After a deadlock the server has rolled everything back, and no more
 * statements are sent.
 */
export interface LockTransaction extends Pick<MysqlConnection, 'query' | 'execute'> {
  /**
   * The lock that `acquire` would acquire, until the end of the transaction. A lock session of the pool holds it. If
   * the lock is lost, the transaction is rolled back.
   *
   * @throws as `acquire`
   */
  lock(key: LockKey, options?: TransactionLockOptions): Promise<void>

  /**
   * One attempt, without waiting: false if the key is not free.
   *
   * @throws as `tryAcquire`
   */
  tryLock(key: LockKey): Promise<boolean>

  /**
   * Locks the rows of `table` in which every column of `where` has the given value (`null` is IS NULL, an array is any
   * of its elements; no columns means every row), and returns them.
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
