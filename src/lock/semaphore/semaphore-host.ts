import type { InvalidOptionError } from '../../base/errors.js'
import type { ContendedHost } from '../contention/contended-host.js'
import type { SemaphoreEntry } from './semaphore-entry.js'

/** What the entry of a semaphore needs of the rest of the pool, and what it tells it. */
export interface SemaphoreHost extends ContendedHost {
  forget(entry: SemaphoreEntry): void
  /** So many more entries of the lock table are used for permits, or are about to be. */
  entriesChanged(by: number): void

  /** Whether it is time to look for those who use it with another number of permits. */
  isLookDue(entry: SemaphoreEntry): boolean
  /** What the look has found: an error if another process does. */
  looked(entry: SemaphoreEntry, otherPermits: number | null): InvalidOptionError | null
}
