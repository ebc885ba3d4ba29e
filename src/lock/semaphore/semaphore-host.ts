import type { Clock } from '../../base/clock.js'
import type { InvalidOptionError, LockError, LockLostError } from '../../base/errors.js'
import type { Random } from '../../base/random.js'
import type { Lock } from '../lock.js'
import type { LockWaiter } from '../lock-waiter.js'
import type { Line } from '../place-in-line.js'
import type { Session } from '../session.js'
import type { SemaphoreEntry } from './semaphore-entry.js'

/** What the entry of a semaphore needs of the rest of the pool, and what it tells it. As an EntryHost for locks. */
export interface SemaphoreHost {
  readonly clock: Clock
  readonly random: Random
  readonly sender: string
  readonly line: Line
  /** Nobody comes any more, and nothing is to be waited for. */
  readonly isClosing: boolean
  readonly noFencing: string | null
  readonly lastFailure: LockError | null

  admit(entry: SemaphoreEntry, entries: number): 'now' | 'later' | LockError
  assign(entry: SemaphoreEntry): Session | null
  forget(entry: SemaphoreEntry): void
  /** So many more entries of the lock table are used for permits, or are about to be. */
  entriesChanged(by: number): void
  interestChanged(isSet: boolean): void

  /** Whether it is time to look for those who use it with another number of permits. */
  isLookDue(entry: SemaphoreEntry): boolean
  /** What the look has found: an error if somebody does. */
  looked(entry: SemaphoreEntry, otherPermits: number | null): InvalidOptionError | null

  asleep(entry: SemaphoreEntry): void
  awake(): void
  acquired(permit: Lock, waiter: LockWaiter<SemaphoreEntry>, isHandOff: boolean, now: number): void
  released(permit: Lock): void
  lost(error: LockLostError, permit: Lock): void
  left(waiter: LockWaiter<SemaphoreEntry>, isGranted: boolean): void
}
