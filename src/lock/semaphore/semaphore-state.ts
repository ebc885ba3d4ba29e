import { Machine } from '../contention/machine.js'
import type { Wake } from '../contention/sleep.js'

/**
 * One semaphore, as this process stands towards the server. How many permits it has is another matter: it may have some
 * in every state.
 *
 * - `idle`       nothing is asked, and no interest is set
 * - `taking`     a first attempt is under way
 * - `asking`     an attempt with interest set, or to be set, is under way
 * - `inLine`     the session waits for one of the permits in the server, behind others who do
 * - `waiting`    other processes have what is wanted; interest is set; asleep until the bell rings or the poll is due
 * - `releasing`  permits are being given up
 * - `yielding`   as `releasing`, with interest set: others have their turn
 * - `leaving`    interest is being dropped: nobody here waits any more
 */
export type SemaphoreState =
  'idle' | 'inLine' | 'taking' | 'asking' | 'waiting' | 'releasing' | 'yielding' | 'leaving'

/** Every legal move. Each state may also fall back to `idle`: when its session is lost, the server knows nothing of it. */
export const SEMAPHORE_MOVES: Readonly<Record<SemaphoreState, readonly SemaphoreState[]>> = {
  idle: ['inLine', 'taking', 'asking', 'releasing'],
  inLine: ['idle'],
  taking: ['idle'],
  asking: ['waiting', 'idle'],
  waiting: ['asking', 'yielding', 'leaving', 'idle'],
  releasing: ['idle'],
  yielding: ['waiting', 'idle'],
  leaving: ['idle'],
}

/** With what the states mean to all that is contended for. */
export const SEMAPHORE_MACHINE: Machine<SemaphoreState> = new Machine(SEMAPHORE_MOVES, {
  withInterest: ['asking', 'waiting', 'yielding', 'leaving'],
  withoutSession: ['idle'],
})

/** All that the next step depends on. */
export interface SemaphoreFacts {
  readonly state: SemaphoreState
  /** Callers here who wait, up to the number of permits that this process does not have. */
  readonly wanted: number
  readonly isWaitedFor: boolean
  /** Permits that this process has, held by somebody or not. */
  readonly permitsHere: number
  /** Of these, permits that nobody holds any more. */
  readonly spare: number
  /** Whether one of the spare permits may pass to another local caller. */
  readonly mayHandOff: boolean
  /** A first attempt has just failed: set interest before the next. */
  readonly isContended: boolean
  /** Those here who wait can do so in the server's line. */
  readonly mayLineUp: boolean
  /** Permits were given up for others, who are to have the time to come. */
  readonly isGivingWay: boolean
  readonly wake: Wake
}

export type SemaphoreStep =
  | 'rest'
  | 'forget'
  | 'handOff'
  | 'lineUp'
  | 'take'
  | 'wait'
  | 'retry'
  | 'poll'
  | 'release'
  | 'yield'
  | 'leave'

/** Pure: what to do about a semaphore now. */
export function nextSemaphoreStep(facts: SemaphoreFacts): SemaphoreStep {
  // Whatever is under way is about other permits.
  if (facts.isWaitedFor && facts.mayHandOff) return 'handOff'
  switch (facts.state) {
    case 'idle':
      return nextIdle(facts)
    case 'waiting':
      if (facts.spare > 0) return 'yield'
      if (facts.wanted === 0 || facts.mayLineUp) return 'leave'
      if (facts.wake === 'no' || facts.isGivingWay) return 'rest'
      return facts.wake === 'rung' ? 'retry' : 'poll'
    case 'taking':
    case 'asking':
    case 'inLine':
    case 'releasing':
    case 'yielding':
    case 'leaving':
      return 'rest'
  }
}

function nextIdle(facts: SemaphoreFacts): SemaphoreStep {
  if (facts.spare > 0) return 'release'
  // Who comes again at once must know that it has had its turn.
  if (facts.permitsHere === 0 && !facts.isWaitedFor) return facts.isGivingWay ? 'rest' : 'forget'
  // With every permit here, the next one comes from somebody here.
  if (facts.wanted === 0) return 'rest'
  if (facts.mayLineUp) return 'lineUp'
  if (facts.isGivingWay) return 'rest'
  return facts.isContended ? 'wait' : 'take'
}
