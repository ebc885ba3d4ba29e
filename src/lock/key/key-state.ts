import type { LockMode } from '../../dialect/lock-key.js'
import { Machine } from '../contention/machine.js'
import type { Wake } from '../contention/remote-wait.js'

/**
 * One key, from this process towards the server:
 *
 * - `idle`       nothing is held, set or asked
 * - `trying`     a first attempt is under way
 * - `polling`     an attempt with a waiter registration, set or to be set, is under way
 * - `queued`     the session waits for the key in the server's queue; the server grants it when its turn has come
 * - `waiting`    another process has it; the registration is set, as far as possible; waits for a wake-up or the poll
 * - `delayed`    the server has granted it, but no caller gets it before the lease of a previous holder is over: the
 *                lock-delay
 * - `held`       this process has it, for local holders or about to be passed on
 * - `joining`    held in shared mode, and a token for more readers is being drawn
 * - `converting` held, and the only local holder is getting it in the other mode
 * - `registeringIntent`    held in shared mode, or not at all; the intent of a local writer is being set or removed
 * - `releasing`  a release is under way
 * - `notifying`    released; a wake-up is under way, and its answer will say whether other processes are waiting
 * - `yielding`   a release is under way that takes effect only if another process is interested
 * - `leaving`    the registration is being removed: no caller here waits any more
 */
export type KeyState =
  | 'idle'
  | 'trying'
  | 'polling'
  | 'queued'
  | 'waiting'
  | 'delayed'
  | 'held'
  | 'joining'
  | 'converting'
  | 'registeringIntent'
  | 'releasing'
  | 'notifying'
  | 'yielding'
  | 'leaving'

/**
 * Every legal move. Each state may also fall back to `idle`: when its session is lost, the server no longer knows the
 * key.
 */
export const KEY_MOVES: Readonly<Record<KeyState, readonly KeyState[]>> = {
  idle: ['queued', 'trying', 'polling', 'registeringIntent'],
  queued: ['delayed', 'held', 'idle'],
  trying: ['delayed', 'held', 'idle'],
  polling: ['delayed', 'held', 'waiting', 'idle'],
  waiting: ['polling', 'leaving', 'idle'],
  delayed: ['held', 'releasing', 'idle'],
  held: ['joining', 'converting', 'registeringIntent', 'releasing', 'yielding', 'idle'],
  joining: ['held', 'idle'],
  converting: ['held', 'idle'],
  registeringIntent: ['held', 'idle'],
  releasing: ['notifying', 'idle'],
  notifying: ['queued', 'trying', 'idle'],
  yielding: ['held', 'waiting', 'idle'],
  leaving: ['idle'],
}

/** The machine, with the properties of its states. */
export const KEY_MACHINE: Machine<KeyState> = new Machine(KEY_MOVES, {
  withRegistration: ['waiting', 'polling', 'leaving'],
  withoutSession: ['idle'],
})

/** All facts for the choice of the next step. An entry has them as properties, so a step allocates nothing. */
export interface KeyFacts {
  readonly state: KeyState
  /** The mode in which the key is held or wanted. */
  readonly mode: LockMode
  /** What the first local waiter wants; null if no caller waits. */
  readonly head: LockMode | null
  readonly holderCount: number
  /**
   * `upgrade`: the first local waiter reads the key and wants it exclusively. `downgrade`: the only local holder wants no
   * more than to read.
   */
  readonly conversion: Conversion | null
  /** A first attempt has just failed: set a registration before the next. */
  readonly isContended: boolean
  /**
   * This process has just released the key and notified others: they have precedence, unless the first local waiter is
   * short of time.
   */
  readonly isYielding: boolean
  /** The first local waiter cannot wait: the server is asked now, whatever is known of other processes. */
  readonly isHurried: boolean
  /** The first local waiter has to wait for other processes, as far as is known, and can do so in the server's queue. */
  readonly mayEnqueue: boolean
  /** A writer in another process waits: no more readers may join. */
  readonly isDraining: boolean
  /** The intent is set that keeps readers in other processes out. */
  readonly hasIntent: boolean
  readonly wake: Wake
  /** The first local waiter is a reader that has waited too long to yield to writers any more. */
  readonly isLate: boolean
  /** Whether the cohort turn lets the lock pass to another local caller. */
  readonly mayHandOff: boolean
  /** The pool is closing: a lock-delay is not waited for. */
  readonly isClosing: boolean
}

export type Conversion = 'upgrade' | 'downgrade'

export type Step =
  | 'rest'
  | 'evict'
  | 'handOff'
  | 'enqueue'
  | 'try'
  | 'wait'
  | 'queue'
  | 'retry'
  | 'poll'
  | 'join'
  | 'rejoin'
  | 'upgrade'
  | 'downgrade'
  | 'setIntent'
  | 'clearIntent'
  | 'leave'
  | 'release'
  | 'releaseEarly'
  | 'yield'

/** Pure: the next step for a key. While an operation is under way, the step is always `rest`. */
export function nextStep(facts: KeyFacts): Step {
  switch (facts.state) {
    case 'idle':
      return nextIdle(facts)
    case 'waiting':
      // A writer's registration includes its intent, so it is wrong for a reader.
      if (facts.head !== facts.mode || facts.mayEnqueue) return 'leave'
      if (facts.wake === 'no') return 'rest'
      return facts.wake === 'woken' || (facts.isLate && facts.mode === 'shared') ? 'retry' : 'poll'
    case 'delayed':
      // The key is kept although no caller here waits any more: no other process could have it earlier, and a delay that
      // began again for each caller would never end.
      return facts.isClosing && facts.head === null ? 'releaseEarly' : 'rest'
    case 'held':
      return facts.mode === 'exclusive' ? nextExclusive(facts) : nextShared(facts)
    case 'notifying':
      // The intent must be removed first, and only one operation is under way at a time.
      if (facts.hasIntent) return 'rest'
      if (facts.isClosing && facts.head === null) return 'evict'
      if (facts.mayEnqueue) return 'enqueue'
      return facts.isYielding ? 'rest' : 'try'
    case 'trying':
    case 'polling':
    case 'queued':
    case 'joining':
    case 'converting':
    case 'registeringIntent':
    case 'releasing':
    case 'yielding':
    case 'leaving':
      return 'rest'
  }
}

function nextIdle({ hasIntent, head, mayEnqueue, isContended, isYielding }: KeyFacts): Step {
  if (hasIntent) return head === 'exclusive' ? 'wait' : 'clearIntent'
  if (head === null) return 'evict'
  if (mayEnqueue) return 'enqueue'
  if (isContended) return 'wait'
  return isYielding && head === 'exclusive' ? 'queue' : 'try'
}

function nextExclusive(facts: KeyFacts): Step {
  if (facts.conversion === 'downgrade') return 'downgrade'
  if (facts.holderCount > 0) return 'rest'
  // It is not passed to a reader: the server knows it as exclusive, and readers in other processes would be kept out.
  if (facts.head !== 'exclusive') return 'release'
  return facts.mayHandOff ? 'handOff' : 'yield'
}

function nextShared(facts: KeyFacts): Step {
  const { holderCount, head, isDraining, isHurried, hasIntent, wake, isLate, conversion } = facts
  if (conversion === 'upgrade') return nextUpgrade(facts)
  // The writer may have gone without a message that reaches the holders.
  const mayJoin = head === 'shared' && (!isDraining || isHurried || wake !== 'no')
  if (holderCount === 0 && !mayJoin) return 'release'
  if (hasIntent && head !== 'exclusive') return 'clearIntent'
  if (mayJoin) return isLate ? 'rejoin' : 'join'
  return head === 'exclusive' && !hasIntent ? 'setIntent' : 'rest'
}

/**
 * An upgrade waits for readers here without asking the server. Readers elsewhere send no wake-up, so it is tried now and
 * then.
 */
function nextUpgrade({ holderCount, isContended, isHurried, hasIntent, wake }: KeyFacts): Step {
  if (holderCount === 1 && (!isContended || isHurried || wake !== 'no')) return 'upgrade'
  return hasIntent ? 'rest' : 'setIntent'
}
