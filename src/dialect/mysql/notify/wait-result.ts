import { DEADLOCK, errorNumber, INTERRUPTED, USER_LOCK_DEADLOCK } from '../connection/server-errors.js'
import type { OwnRow } from '../connection/server-connection.js'

/**
 * How the wait of a listening connection ended: some locks are free, it was interrupted, its time was over, or it could not
 * wait for the name.
 */
export type WaitResult = 'free' | 'interrupted' | 'over' | 'unable'

/** The result of a statement that waits for a name, or sleeps. */
export function resultOf([free, waited]: OwnRow, isNamed: boolean): WaitResult {
  if (free !== null) return 'free'
  // MariaDB and MySQL usually answer an interruption with an error. GET_LOCK may also return NULL, and SLEEP 1.
  if (waited === null || (!isNamed && Number(waited) === 1)) return 'interrupted'
  return Number(waited) === 1 ? 'unable' : 'over'
}

/** The same for a failed statement. Null if the connection has failed. */
export function resultOfError(error: unknown): WaitResult | null {
  const number = errorNumber(error)
  if (number === INTERRUPTED) return 'interrupted'
  return number === DEADLOCK || number === USER_LOCK_DEADLOCK ? 'unable' : null
}
