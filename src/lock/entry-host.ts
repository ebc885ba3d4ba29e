import type { Clock } from '../base/clock.js'
import type { LockError, LockLostError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { Guarded } from '../dialect/dialect.js'
import type { Queryable } from '../dialect/queryable.js'
import type { Entry } from './entry.js'
import type { Lock } from './lock.js'
import type { LockWaiter } from './lock-waiter.js'
import type { Line } from './place-in-line.js'
import type { Session } from './session.js'

/** What interest costs besides the key: itself and, for a writer, both halves of its mark; a session has 32 buckets at most. */
export const INTEREST_ENTRIES = 3

/** What an entry needs of the rest of the pool, and what it tells it. */
export interface EntryHost {
  readonly clock: Clock
  readonly random: Random
  /** How this process is called in rings and claims. */
  readonly sender: string
  /** In which one entry at a time waits for its turn. */
  readonly line: Line
  /** Why there are no fencing tokens, or null. */
  readonly noFencing: string | null
  /** Why there is no session, if there is none. */
  readonly lastFailure: LockError | null
  /** Nobody comes any more, and nothing is to be waited for. */
  readonly isClosing: boolean

  /**
   * Whether so many more entries of the server's lock table may be used for it. Not now: `proceed` is called when that is
   * known; never: the error says why.
   */
  admit(entry: Entry, entries: number): 'now' | 'later' | LockError
  /** A session for it; or null, and `proceed` or `sessionFailed` is called when that changes. */
  assign(entry: Entry): Session | null
  /** There is nothing more to know about this key. */
  forget(entry: Entry): void

  /** Interest in a key is set in the server, or is not any more. */
  interestChanged(isSet: boolean): void
  asleep(entry: Entry): void
  awake(entry: Entry): void
  /** The server has granted it, and nobody is told for so long. */
  delayed(entry: Entry, delayMs: number): void
  guard(transaction: Queryable, guarded: Guarded): Promise<void>

  /** `now` is when, on the clock: whoever knows it passes it on, because a look costs as much as telling of it. */
  acquired(lock: Lock, waiter: LockWaiter, isHandOff: boolean, now: number): void
  released(lock: Lock, now?: number): void
  lost(error: LockLostError, lock: Lock): void
  left(waiter: LockWaiter, isGranted: boolean): void
}
