import { LockError, LockDeadlockError, type LockErrorCode } from '../../base/errors.js'
import { FatalError, SqlError } from '../messages/sql-error.js'

/** The SQLSTATE of PostgreSQL for each error of the pool. */
const STATES: Readonly<Record<LockErrorCode, string>> = {
  LOCK_TIMEOUT: '55P03',
  LOCK_LOST: '57P01',
  LOCK_DEADLOCK: '40P01',
  LOCK_REENTRY: '0A000',
  LOCK_TABLE_FULL: '53200',
  FENCING_UNAVAILABLE: '55000',
  STALE_TOKEN: '55000',
  STRICT_UNAVAILABLE: '55000',
  MODE_UNSUPPORTED: '0A000',
  BACKEND_MISMATCH: '55000',
  POOL_EXHAUSTED: '53400',
  POOL_SATURATED: '53400',
  POOL_CLOSED: '57P01',
  POOLER_DETECTED: '55000',
  CONNECTION_FAILED: '08006',
  TRANSACTION_FAILED: '55000',
  INVALID_OPTION: '22023',
  INVALID_KEY: '22023',
}

/** Messages that programs look for. The pool's message becomes the detail. */
const MESSAGES: Partial<Record<LockErrorCode, string>> = {
  LOCK_TIMEOUT: 'canceling statement due to lock timeout',
  LOCK_DEADLOCK: 'deadlock detected',
  LOCK_TABLE_FULL: 'out of shared memory',
}

export const SHUTDOWN = 'terminating connection due to administrator command'

/** The error that a client gets for an error of the pool. Any other error is a bug, and is returned unchanged. */
export function toSqlError(error: unknown): unknown {
  if (!(error instanceof LockError)) return error
  const state = STATES[error.code]
  if (error.code === 'LOCK_LOST' || error.code === 'POOL_CLOSED')
    return new FatalError(state, SHUTDOWN, { detail: error.message, cause: error })
  const message = MESSAGES[error.code]
  if (message === undefined) return new SqlError(state, error.message, { cause: error })
  return new SqlError(state, message, { ...extra(error), cause: error })
}

/** Some drivers add details to their message, and programs compare that text. So a timeout has no details, as in PostgreSQL. */
function extra(error: LockError): { readonly detail?: string; readonly hint?: string } {
  if (error.code === 'LOCK_TIMEOUT') return {}
  const detail = error.message
  if (error instanceof LockDeadlockError)
    return { detail, hint: 'The other sessions continue when this one releases its locks.' }
  return { detail }
}
