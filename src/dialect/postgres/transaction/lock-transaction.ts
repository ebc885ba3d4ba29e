import type { LockKey, LockMode } from '../../lock-key.js'
import type { Queryable } from '../../queryable.js'
import type { ROW_STRENGTHS, ROW_WAITS, TABLE_MODES } from './transaction-sql.js'

/** How strongly `lockRows` locks: see "Row-Level Locks" in PostgreSQL's documentation. */
export type RowStrength = keyof typeof ROW_STRENGTHS

/** What to do about rows that another session has locked. */
export type RowWait = keyof typeof ROW_WAITS

/** PostgreSQL's eight modes: see "Table-Level Locks" in its documentation. */
export type TableLockMode = keyof typeof TABLE_MODES

/** The options of `tx.lock`. */
export interface TransactionLockOptions {
  /** Default `'exclusive'`. */
  readonly mode?: LockMode
  /**
   * How long to wait. 0 is one attempt; `Infinity` waits forever.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/** The options of `tx.lockRows`. */
export interface LockRowsOptions {
  /** The weakest is `'key share'`. Default `'update'`. */
  readonly strength?: RowStrength
  /**
   * With `'nowait'` a locked row is a LockTimeoutError at once; `'skip locked'` skips it. This concerns rows: for the table
   * itself, which a migration may have locked or wait for, both wait like `'block'`. Default `'block'`.
   */
  readonly wait?: RowWait
  /**
   * How long each wait may take, for the table and for each row; `Infinity` waits forever. 0 is only for `'nowait'` and
   * `'skip locked'`, which then give up within milliseconds if the table is locked.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/** The options of `tx.lockTable`. */
export interface LockTableOptions {
  /** With `'nowait'` a locked table is a LockTimeoutError at once. Default `'block'`. */
  readonly wait?: 'block' | 'nowait'
  /**
   * How long to wait; `Infinity` waits forever. 0 is only for `'nowait'`.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
}

/**
 * A connection between BEGIN and COMMIT, and the locks that end with it: they need no release, and cannot outlive what they
 * guard. A failed attempt leaves the transaction usable, as it was before.
 *
 * These waits are in the server, unlike those of `acquire`: its deadlock detector sees them, and each occupies a connection.
 */
export interface LockTransaction extends Queryable {
  /**
   * An advisory lock until the end of the transaction, on the key that `acquire` would lock.
   *
   * @throws {LockTimeoutError} not in time; `holder` names the holder
   * @throws {LockDeadlockError} the server has found that this wait closes a cycle. Earlier locks are still held; the others
   * continue when this transaction ends
   * @throws {LockReentryError} an enclosing body holds the key, by `withLock` or in another transaction
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  lock(key: LockKey, options?: TransactionLockOptions): Promise<void>

  /**
   * One attempt, without waiting: false if the key is not free, or if an enclosing body holds it.
   *
   * @throws {InvalidKeyError} {InvalidOptionError}
   */
  tryLock(key: LockKey, options?: { readonly mode?: LockMode }): Promise<boolean>

  /**
   * Locks the rows of `table` in which every column of `where` has the given value (`null` is IS NULL, an array is any of its
   * elements; no columns means every row), and returns them.
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
