import { Machine } from '../contention/machine.js'
import type { Wake } from '../contention/remote-wait.js'

/**
 * One semaphore, from this process towards the server. The number of its permits is separate: it may have some in every
 * state.
 *
 * - `idle`       nothing is asked, and no waiter registration is set
 * - `taking`     a first attempt is under way
 * - `polling`     an attempt with a registration, set or to be set, is under way
 * - `queued`     the session waits for one of the permits in the server's queue
 * - `waiting`    other processes have the permits; the registration is set; waits for a wake-up or the poll
 * - `releasing`  a release of permits is under way
 * - `yielding`   like `releasing`, with the registration set: other processes have their turn
 * - `leaving`    the registration is being removed: no caller here waits any more
 */
export type SemaphoreState =
  'idle' | 'queued' | 'taking' | 'polling' | 'waiting' | 'releasing' | 'yielding' | 'leaving'

/** Every legal move. Each state may also fall back to `idle`: when its session is lost, the server no longer knows it. */
export const SEMAPHORE_MOVES: Readonly<Record<SemaphoreState, readonly SemaphoreState[]>> = {
  idle: ['queued', 'taking', 'polling', 'releasing'],
  queued: ['idle'],
  taking: ['idle'],
  polling: ['waiting', 'idle'],
  waiting: ['polling', 'yielding', 'leaving', 'idle'],
  releasing: ['idle'],
  yielding: ['waiting', 'idle'],
  leaving: ['idle'],
}

/** The machine, with the properties of its states. */
export const SEMAPHORE_MACHINE: Machine<SemaphoreState> = new Machine(SEMAPHORE_MOVES, {
  withRegistration: ['polling', 'waiting', 'yielding', 'leaving'],
  withoutSession: ['idle'],
})

/** All facts for the choice of the next step. */
export interface SemaphoreFacts {
  readonly state: SemaphoreState
  /** Waiting callers here, up to the number of permits that this process does not have. */
  readonly wanted: number
  readonly isWaitedFor: boolean
  /** Permits that this process has, with or without a holder. */
  readonly permitsHere: number
  /** Of these, permits without a holder. */
  readonly spare: number
  /** Whether one of the spare permits may pass to another local caller. */
  readonly mayHandOff: boolean
  /** A first attempt has just failed: set a registration before the next. */
  readonly isContended: boolean
  /** The waiters here can use the server's queue. */
  readonly mayEnqueue: boolean
  /** Permits were released for other processes, and this process yields. */
  readonly isYielding: boolean
  readonly wake: Wake
}

export type SemaphoreStep =
  | 'rest'
  | 'evict'
  | 'handOff'
  | 'enqueue'
  | 'take'
  | 'wait'
  | 'retry'
  | 'poll'
  | 'release'
  | 'yield'
  | 'leave'

/** Pure: the next step for a semaphore. */
export function nextSemaphoreStep(facts: SemaphoreFacts): SemaphoreStep {
  // Whatever is under way concerns other permits.
  if (facts.isWaitedFor && facts.mayHandOff) return 'handOff'
  switch (facts.state) {
    case 'idle':
      return nextIdle(facts)
    case 'waiting':
      if (facts.spare > 0) return 'yield'
      if (facts.wanted === 0) return 'leave'
      // A session that waits for one permit does not see that another is free, so a reason to look comes first.
      if (facts.wake !== 'no' && !facts.isYielding) return facts.wake === 'woken' ? 'retry' : 'poll'
      return facts.mayEnqueue ? 'leave' : 'rest'
    case 'taking':
    case 'polling':
    case 'queued':
    case 'releasing':
    case 'yielding':
    case 'leaving':
      return 'rest'
  }
}

function nextIdle(facts: SemaphoreFacts): SemaphoreStep {
  if (facts.spare > 0) return 'release'
  // If a caller comes again at once, the entry must know that it has had its turn.
  if (facts.permitsHere === 0 && !facts.isWaitedFor) return facts.isYielding ? 'rest' : 'evict'
  // If every permit is here, the next one comes from a local holder.
  if (facts.wanted === 0) return 'rest'
  if (facts.mayEnqueue) return 'enqueue'
  if (facts.isYielding) return 'rest'
  return facts.isContended ? 'wait' : 'take'
}
