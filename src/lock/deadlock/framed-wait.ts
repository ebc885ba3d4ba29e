import { Expiring } from '../../base/deadlines.js'
import type { DeadlockStep } from '../../base/errors.js'
import type { LockMode } from '../../dialect/lock-key.js'
import type { KeyEntry } from '../key/key-entry.js'
import type { Frame } from '../handle/frame.js'
import { ConversionWaiter } from '../handle/conversion-waiter.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter } from '../handle/lock-waiter.js'

const NONE: ReadonlySet<string> = new Set()

/** Searches for the cycles that a wait may be part of: the detector of its pool. */
export interface CycleSearcher {
  due(wait: FramedWait): void
  closed(wait: FramedWait, round: number, cycle: Cycle): void
}

/** One step of a cycle, with the id of the wait. */
export interface Step extends DeadlockStep {
  readonly wait: string
}

/**
 * The callers of a cycle, beginning with the one that searches, and the lock by which that one keeps the last of them
 * waiting.
 */
export interface Cycle {
  readonly steps: readonly Step[]
  readonly hold: Lock
}

/** A caller that waits for a lock inside a body that holds another: only such callers can be part of a deadlock. */
export class FramedWait extends Expiring {
  /** Never reused, so the same id later is the same wait, and has lasted all the time in between. */
  readonly id: string
  readonly inQueue: LockWaiter<KeyEntry>
  readonly frames: readonly Frame[]
  readonly #seeker: CycleSearcher
  /** A search goes in rounds: a probe of an earlier round does not count. */
  round = 0
  /** Whether this round was started at once, to see a cycle for the second time. */
  isConfirming = false
  /** Cycles found in this round and in the previous one, as the ids of their waits. */
  found: ReadonlySet<string> = NONE
  foundBefore: ReadonlySet<string> = NONE
  /** Whether the server is being asked to confirm a cycle that was found twice. */
  isVerifying = false
  /** Whether it has asked the process to listen for notifications. */
  isListening = false

  constructor(id: string, waiter: LockWaiter<KeyEntry>, frames: readonly Frame[], seeker: CycleSearcher) {
    super()
    this.id = id
    this.inQueue = waiter
    this.frames = frames
    this.#seeker = seeker
    for (const frame of frames) (frame.waits ??= new Set()).add(this)
  }

  get mode(): LockMode {
    return this.inQueue.mode
  }

  get place(): KeyEntry {
    return this.inQueue.entry
  }

  get held(): Lock | null {
    return this.inQueue instanceof ConversionWaiter ? this.inQueue.held : null
  }

  nextRound(isConfirming: boolean): void {
    this.round++
    this.isConfirming = isConfirming
    this.foundBefore = this.found
    this.found = NONE
  }

  expire(): void {
    this.#seeker.due(this)
  }

  /** The path that began here in `round` has come back. */
  closed(round: number, cycle: Cycle): void {
    this.#seeker.closed(this, round, cycle)
  }

  ended(): void {
    for (const frame of this.frames) frame.waits?.delete(this)
  }
}

/**
 * Of the waits in a cycle the one with the greatest id is refused, and all processes agree on that. Ids count the callers
 * of a process, so within a process it is the youngest; between processes any agreed order is suitable.
 */
export function isGreater(one: string, other: string): boolean {
  const [first, second] = [numberOf(one), numberOf(other)]
  return first === second ? one > other : first > second
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('.') + 1))
}
