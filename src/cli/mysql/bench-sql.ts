/** The statements of `lockpool bench` for MariaDB and MySQL. */

export const VERSION = `SELECT VERSION()`

export const HOLD = `SELECT GET_LOCK(?, 0)`

/** Waits for a lock that another session holds, until that session interrupts it. */
export const WAIT_FOR_IT = `SELECT GET_LOCK(?, 30)`

export const IS_WAITING = `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ? AND STATE = 'User lock'`

export function interrupt(threadId: number): string {
  return `KILL QUERY ${threadId}`
}

export const FORGET_BACKEND = `DELETE FROM lockpool_backend WHERE namespace = CAST(? AS CHAR CHARACTER SET utf8mb4)`

/** Rows of a namespace that no program will use again, so a token that began again would matter to no program. */
export function forgetRows(keys: readonly string[]): string {
  return `DELETE FROM lockpool_lease WHERE k IN (${keys.join(', ')}) AND owner IS NULL`
}
