import type { Clock } from '../../base/clock.js'
import type { LockError, LockLostError } from '../../base/errors.js'
import type { Fifo } from '../../base/fifo.js'
import type { Random } from '../../base/random.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { Parked } from './parking.js'
import type { Session } from '../session/session.js'
import type { Tenant } from '../session/tenant.js'
import type { Agenda } from './agenda.js'
import type { Line } from './line.js'

/** What everything that is contended for needs of the rest of the pool, and what it tells it. */
export interface ContendedHost {
  readonly agenda: Agenda
  readonly clock: Clock
  readonly random: Random
  /** The name of this process in rings and claims. */
  readonly sender: string
  /** In which one entry at a time waits for its turn. */
  readonly line: Line
  /** Why there are no fencing tokens, or null. */
  readonly noFencing: string | null
  /** Why there is no session, if there is none. */
  readonly lastFailure: LockError | null
  /** The pool takes no more callers, and waits for nothing. */
  readonly isClosing: boolean

  /**
   * Whether so many more entries of the server's lock table may be used for it. Not now: `proceed` is called when that is
   * known; never: the error says why.
   */
  admit(entry: Parked, entries: number): 'now' | 'later' | LockError
  /** A session for it; or null, and `proceed` or `sessionFailed` is called when that changes. */
  assign(entry: Tenant): Session | null

  /** Interest in it is set in the server, or is not any more. */
  interestChanged(isSet: boolean): void
  /** It now waits for other processes. */
  asleep(entry: { readonly queue: Fifo<LockWaiter<WaitedFor>> }): void
  awake(): void

  /** `now` is when, on the clock: a caller that knows it passes it on, because a look costs as much as telling of it. */
  acquired(lock: Lock, waiter: LockWaiter<WaitedFor>, isHandOff: boolean, now: number): void
  released(lock: Lock, now?: number): void
  lost(error: LockLostError, lock: Lock): void
  left(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void
}
