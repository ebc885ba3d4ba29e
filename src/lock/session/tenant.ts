import type { LockError } from '../../base/errors.js'
import type { Session } from './session.js'

/** Whoever wants a session: the entry of a key, or of a semaphore. */
export interface Tenant {
  readonly session: Session | null
  /** There may be one now. */
  proceed(): void
  sessionFailed(error: LockError): void
}
