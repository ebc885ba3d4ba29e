import type { Clock } from '../../base/clock.js'
import type { LockError, LockLostError } from '../../base/errors.js'
import type { Fifo } from '../../base/fifo.js'
import type { Random } from '../../base/random.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { LockTableRequester } from './lock-table-waiters.js'
import type { Session } from '../session/session.js'
import type { SessionRequester } from '../session/session-requester.js'
import type { Agenda } from '../agenda/agenda.js'
import type { ServerQueue } from '../session/server-queue.js'

/** What a contended entry needs from the rest of the pool, and reports to it. */
export interface ContendedHost {
  /** Runs one event at a time; entries take their steps on it. */
  readonly agenda: Agenda
  readonly clock: Clock
  readonly random: Random
  /** The name of this process in wake-ups and tickets. */
  readonly sender: string
  readonly serverQueue: ServerQueue
  /** Why there are no fencing tokens, or null. */
  readonly noFencing: string | null
  /** Why there is no session, if there is none. */
  readonly lastFailure: LockError | null
  /** Whether the pool refuses new callers, and waits for nothing. */
  readonly isClosing: boolean

  /**
   * Whether this many more entries of the server's lock table may be used for it. If the answer is not known yet, the
   * pool calls `proceed` when it is; if the answer is never, the error says why.
   */
  admit(entry: LockTableRequester, entries: number): 'now' | 'later' | LockError
  /**
   * A session for the entry. If there is none, the answer is null, and the pool calls `proceed` or `sessionFailed` when
   * that changes.
   */
  assign(entry: SessionRequester): Session | null

  /** The entry's waiter registration was set at the server, or removed. */
  registrationChanged(isSet: boolean): void
  /** The entry now waits for other processes. */
  waitBegan(entry: { readonly queue: Fifo<LockWaiter<WaitedFor>> }): void
  waitEnded(): void

  /**
   * `now` is the current time: a caller that knows it passes it on, because reading the clock costs as much as emitting
   * the event.
   */
  acquired(lock: Lock, waiter: LockWaiter<WaitedFor>, isHandOff: boolean, now: number): void
  released(lock: Lock, now?: number): void
  lost(error: LockLostError, lock: Lock): void
  gone(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void
}
