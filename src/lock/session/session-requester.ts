import type { LockError } from '../../base/errors.js'
import type { Session } from './session.js'

/** An entry that wants a session: of a key, or of a semaphore. */
export interface SessionRequester {
  readonly session: Session | null
  /** There may be a session for it now. */
  proceed(): void
  sessionFailed(error: LockError): void
}
