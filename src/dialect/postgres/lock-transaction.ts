import type { LockKey, LockMode } from '../lock-key.js'
import type { Queryable } from '../queryable.js'
import type { ROW_STRENGTHS, ROW_WAITS, TABLE_MODES } from './transaction-sql.js'

/** How strongly `lockRows` locks: see "Row-Level Locks" in PostgreSQL's documentation. */
export type RowStrength = keyof typeof ROW_STRENGTHS

/** What to do about rows that somebody else has locked. */
export type RowWait = keyof typeof ROW_WAITS

/** PostgreSQL's eight modes: see "Table-Level Locks" in its documentation. */
export type TableLockMode = keyof typeof TABLE_MODES

/** How `tx.lock` locks. */
export interface TransactionLockOptions {
  /** Default `'exclusive'`. */
  readonly mode?: LockMode
  /**
   * How long to wait. 0 is one attempt; `Infinity` waits for ever.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/** How `tx.lockRows` locks. */
export interface LockRowsOptions {
  /** The weakest is `'key share'`. Default `'update'`. */
  readonly strength?: RowStrength
  /**
   * With `'nowait'` a locked row is a LockTimeoutError at once; `'skip locked'` leaves it out. That is about rows: for the
   * table itself, which a migration may have locked or wait for, both wait as `'block'` does. Default `'block'`.
   */
  readonly wait?: RowWait
  /**
   * How long each wait may last, for the table and for each row; `Infinity` waits for ever. 0 is for `'nowait'` and
   * `'skip locked'` only, which then give up within milliseconds if the table is locked.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/** How `tx.lockTable` locks. */
export interface LockTableOptions {
  /** With `'nowait'` a locked table is a LockTimeoutError at once. Default `'block'`. */
  readonly wait?: 'block' | 'nowait'
  /**
   * How long to wait; `Infinity` waits for ever. 0 is for `'nowait'` only.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/**
 * One connection between BEGIN and COMMIT, and the locks that end with it: nobody has to release them, and they can't
 * outlive what they guard. An attempt that fails leaves the transaction usable, as it was before.
 *
 * These waits are in the server, unlike those of `acquire`: its deadlock detector sees them, and each has a connection.
 */
export interface LockTransaction extends Queryable {
  /**
   * An advisory lock until the end of the transaction, on the key that `acquire` would lock.
   *
   * @throws {LockTimeoutError} not in time; `holder` says who has it
   * @throws {LockDeadlockError} the server has found that this wait closes a circle. What was locked before is still held;
   * the others go on when this transaction ends
   * @throws {LockReentryError} a body around this call has it, by `withLock` or in another transaction
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  lock(key: LockKey, options?: TransactionLockOptions): Promise<void>

  /**
   * One attempt, without waiting: false if it is not free, or if a body around this call has it.
   *
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  tryLock(key: LockKey, options?: { readonly mode?: LockMode }): Promise<boolean>

  /**
   * Locks the rows of `table` in which every column of `where` has the value given (`null` is IS NULL, an array is any of
   * its elements; no columns at all means every row), and answers them.
   *
   * @throws {LockTimeoutError} not in time, or with `'nowait'` not at once
   * @throws {LockDeadlockError} as `lock`
   * @throws {InvalidOptionError}
   */
  lockRows<Row = Record<string, unknown>>(
    table: string,
    where: Readonly<Record<string, unknown>>,
    options?: LockRowsOptions,
  ): Promise<Row[]>

  /**
   * Locks a whole table.
   *
   * @throws as `lockRows`
   */
  lockTable(table: string, mode: TableLockMode, options?: LockTableOptions): Promise<void>
}
