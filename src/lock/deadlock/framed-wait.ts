import { Expiring } from '../../base/deadlines.js'
import type { DeadlockStep } from '../../base/errors.js'
import type { LockMode } from '../../dialect/lock-key.js'
import type { KeyEntry } from '../key/key-entry.js'
import type { Frame } from '../handle/frame.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter } from '../handle/lock-waiter.js'

/** Whoever looks for the circles that a wait may be in: the detector of its pool. */
export interface Seeker {
  due(wait: FramedWait): void
  closed(wait: FramedWait, round: number, circle: Circle): void
}

/** One step of a circle, with the wait by which it is told from others. */
export interface Step extends DeadlockStep {
  readonly wait: string
}

/** Those who wait for each other, beginning with whoever asks, and the lock by which it keeps the last of them waiting. */
export interface Circle {
  readonly steps: readonly Step[]
  readonly hold: Lock
}

/** A caller who waits for a lock inside a body that holds another: nobody else can be part of a deadlock. */
export class FramedWait extends Expiring {
  /** Never used again, so that the same id later is the same wait, and has lasted all the time in between. */
  readonly id: string
  readonly inQueue: LockWaiter<KeyEntry>
  readonly frames: readonly Frame[]
  readonly #seeker: Seeker
  /** Looking for circles goes in rounds: what comes back of an earlier one does not count. */
  round = 0
  /** Whether this round was started at once, to see a circle for the second time. */
  isConfirming = false
  /** Circles found in this round and in the one before, as the ids of their waits. */
  found: Set<string> = new Set()
  foundBefore: ReadonlySet<string> = new Set()
  /** Whether the server is being asked if a circle that was found twice can be. */
  isVerifying = false
  /** Whether it has asked for the bell to be listened to. */
  isListening = false

  constructor(id: string, waiter: LockWaiter<KeyEntry>, frames: readonly Frame[], seeker: Seeker) {
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

  nextRound(isConfirming: boolean): void {
    this.round++
    this.isConfirming = isConfirming
    this.foundBefore = this.found
    this.found = new Set()
  }

  expire(): void {
    this.#seeker.due(this)
  }

  /** The way that began here in `round` has come back. */
  closed(round: number, circle: Circle): void {
    this.#seeker.closed(this, round, circle)
  }

  ended(): void {
    for (const frame of this.frames) frame.waits?.delete(this)
  }
}

/**
 * Of the waits in a circle the greatest is refused, and all others leave it to that one. Numbers count the callers of a
 * process, so it is the youngest of those in one process; between processes any order will do that all agree on.
 */
export function isGreater(one: string, other: string): boolean {
  const [first, second] = [numberOf(one), numberOf(other)]
  return first === second ? one > other : first > second
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('.') + 1))
}
