import type { LockError } from './errors.js'

/** Whether the server is unavailable, and may be available again without any other change. */
export function isOutage(error: LockError): boolean {
  return error.code === 'CONNECTION_FAILED' && error.retryable
}
