import type { LockMode } from '../../dialect/lock-key.js'
import { Machine } from '../contention/machine.js'
import type { Wake } from '../contention/sleep.js'

/**
 * One key, as this process stands towards the server:
 *
 * - `idle`       nothing is held, marked or asked
 * - `trying`     a first attempt is under way
 * - `asking`     an attempt with interest set, or to be set, is under way
 * - `inLine`     the session waits for it in the server, behind others who do: it is this process's when its turn has come
 * - `waiting`    another process has it; interest is set, as far as it can be; asleep until the bell rings or the poll is due
 * - `delayed`    this process has it at the server, and tells nobody until the lease of one who may believe to have it is over
 * - `held`       this process has it, for local holders or about to be passed on
 * - `joining`    held in shared mode, and a token for more readers is being drawn
 * - `marking`    held in shared mode, or not at all; the mark of a local writer is being set or taken back
 * - `releasing`  being given up
 * - `ringing`    given up; those who wait elsewhere are being rung for, and whether there are any will be known
 * - `yielding`   being given up if anybody else is interested
 * - `leaving`    interest is being dropped: nobody here waits any more
 */
export type KeyState =
  | 'idle'
  | 'trying'
  | 'asking'
  | 'inLine'
  | 'waiting'
  | 'delayed'
  | 'held'
  | 'joining'
  | 'marking'
  | 'releasing'
  | 'ringing'
  | 'yielding'
  | 'leaving'

/** Every legal move. Each state may also fall back to `idle`: when its session is lost, the server knows nothing of it. */
export const KEY_MOVES: Readonly<Record<KeyState, readonly KeyState[]>> = {
  idle: ['inLine', 'trying', 'asking', 'marking'],
  inLine: ['delayed', 'held', 'idle'],
  trying: ['delayed', 'held', 'idle'],
  asking: ['delayed', 'held', 'waiting', 'idle'],
  waiting: ['asking', 'leaving', 'idle'],
  delayed: ['held', 'releasing', 'idle'],
  held: ['joining', 'marking', 'releasing', 'yielding', 'idle'],
  joining: ['held', 'idle'],
  marking: ['held', 'idle'],
  releasing: ['ringing', 'idle'],
  ringing: ['inLine', 'trying', 'idle'],
  yielding: ['held', 'waiting', 'idle'],
  leaving: ['idle'],
}

/** With what the states mean to all that is contended for. */
export const KEY_MACHINE: Machine<KeyState> = new Machine(KEY_MOVES, {
  withInterest: ['waiting', 'asking', 'leaving'],
  withoutSession: ['idle'],
})

/** All that the next step depends on. An entry has it as properties, so that nothing is built to take a step. */
export interface KeyFacts {
  readonly state: KeyState
  /** The mode of what is held, or of what is being waited for. */
  readonly mode: LockMode
  /** What the first local waiter wants; null if nobody waits. */
  readonly head: LockMode | null
  readonly holderCount: number
  /** A first attempt has just failed: set interest before the next. */
  readonly isContended: boolean
  /** Others are being rung for, or were a moment ago, when it was given up here: they go first, if who is first here has the time. */
  readonly isGivingWay: boolean
  /** The first local waiter can't wait: whatever is known of others, the server is asked now. */
  readonly isHurried: boolean
  /** The first local waiter has to wait for others, by all that is known, and can do so in the server's line. */
  readonly mayLineUp: boolean
  /** A writer elsewhere waits: no more readers may join. */
  readonly isDraining: boolean
  /** The mark is set that keeps readers elsewhere from joining. */
  readonly isMarked: boolean
  readonly wake: Wake
  /** The first local waiter has waited for so long that, as a reader, it does not give way to writers any more. */
  readonly isLate: boolean
  /** Whether the turn lets the lock pass to another local caller. */
  readonly mayHandOff: boolean
  /** The pool is being closed: a delay is not waited out. */
  readonly isClosing: boolean
}

export type Step =
  | 'rest'
  | 'forget'
  | 'handOff'
  | 'lineUp'
  | 'try'
  | 'wait'
  | 'queue'
  | 'retry'
  | 'poll'
  | 'join'
  | 'rejoin'
  | 'mark'
  | 'unmark'
  | 'leave'
  | 'release'
  | 'relinquish'
  | 'yield'

/** Pure: what to do about a key now. While an operation is under way the answer is always to rest. */
export function nextStep(facts: KeyFacts): Step {
  switch (facts.state) {
    case 'idle':
      return nextIdle(facts)
    case 'waiting':
      // Interest of a writer is marked as such, so it is not right for a reader.
      if (facts.head !== facts.mode || facts.mayLineUp) return 'leave'
      if (facts.wake === 'no') return 'rest'
      return facts.wake === 'rung' || (facts.isLate && facts.mode === 'shared') ? 'retry' : 'poll'
    case 'delayed':
      // Kept though nobody here waits any more: nobody else could have it earlier, and a delay begun anew for each who
      // comes would never end.
      return facts.isClosing && facts.head === null ? 'relinquish' : 'rest'
    case 'held':
      return facts.mode === 'exclusive' ? nextExclusive(facts) : nextShared(facts)
    case 'ringing':
      // A mark has to be taken back first, and one thing is done at a time.
      if (facts.isMarked) return 'rest'
      if (facts.isClosing && facts.head === null) return 'forget'
      if (facts.mayLineUp) return 'lineUp'
      return facts.isGivingWay ? 'rest' : 'try'
    case 'trying':
    case 'asking':
    case 'inLine':
    case 'joining':
    case 'marking':
    case 'releasing':
    case 'yielding':
    case 'leaving':
      return 'rest'
  }
}

function nextIdle({ isMarked, head, mayLineUp, isContended, isGivingWay }: KeyFacts): Step {
  if (isMarked) return head === 'exclusive' ? 'wait' : 'unmark'
  if (head === null) return 'forget'
  if (mayLineUp) return 'lineUp'
  if (isContended) return 'wait'
  return isGivingWay && head === 'exclusive' ? 'queue' : 'try'
}

function nextExclusive(facts: KeyFacts): Step {
  if (facts.holderCount > 0) return 'rest'
  // To a reader it is not passed on: the server knows it as exclusive, and readers elsewhere would be kept out.
  if (facts.head !== 'exclusive') return 'release'
  return facts.mayHandOff ? 'handOff' : 'yield'
}

function nextShared({ holderCount, head, isDraining, isHurried, isMarked, wake, isLate }: KeyFacts): Step {
  // The writer may have gone, without a word that would reach those who hold the key.
  const mayJoin = head === 'shared' && (!isDraining || isHurried || wake !== 'no')
  if (holderCount === 0 && !mayJoin) return 'release'
  if (isMarked && head !== 'exclusive') return 'unmark'
  if (mayJoin) return isLate ? 'rejoin' : 'join'
  return head === 'exclusive' && !isMarked ? 'mark' : 'rest'
}
