import type { Clock } from '../base/clock.js'
import type { LockError, LockLostError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { Entry } from './entry.js'
import type { Lock } from './lock.js'
import type { LockWaiter } from './lock-waiter.js'
import type { Session } from './session.js'

/** What an entry needs of the rest of the pool, and what it tells it. */
export interface EntryHost {
  readonly clock: Clock
  readonly random: Random
  /** How this process is called in rings and claims. */
  readonly sender: string
  /** Why there are no fencing tokens, or null. */
  readonly noFencing: string | null
  /** Why there is no session, if there is none. */
  readonly lastFailure: LockError | null
  /** Set when one more key would be too many for the server's lock table. */
  readonly tableFull: LockError | null

  /** A session for it; or null, and it will be told by `sessionReady` or `sessionFailed`. */
  assign(entry: Entry): Session | null
  /** There is nothing more to know about this key. */
  forget(entry: Entry): void

  asleep(entry: Entry): void
  awake(entry: Entry): void

  acquired(lock: Lock, waiter: LockWaiter, isHandOff: boolean): void
  released(lock: Lock): void
  lost(error: LockLostError, lock: Lock): void
  left(waiter: LockWaiter, isGranted: boolean): void
}
