import type { KeyCode } from './lock-key.js'

/**
 * A semaphore as a dialect speaks of it: numbered slots, each a key of its own, of which a holder has one exclusively. So
 * the server counts them by what is really held, and a session that ends frees its slots.
 */
export interface SemaphoreCode {
  /** What interest is kept under, and what is rung for. No lock has the same. */
  readonly key: KeyCode
  readonly permits: number
  /** Shared by all who use the semaphore with this number of permits, while they hold or wait. */
  readonly shape: KeyCode
  /** From 0 to `permits - 1`. */
  readonly slot: (number: number) => KeyCode
}

/**
 * What can be asked about the permits of one semaphore. Interest is as for locks.
 *
 * - `take`     slots that are free, up to `atMost`.
 * - `enqueue`   wait in the server's own queue for the slot `from`, for `waitMs` at most, then as `take`.
 * - `wait`     set interest, then as `take`.
 * - `retry`    interest is set: as `take`. After `wait` and `retry` interest is kept only if there were not enough slots.
 * - `leave`    drop interest.
 * - `release`  give slots up, and say whether somebody else may be interested.
 */
export type PermitKind = 'take' | 'enqueue' | 'wait' | 'retry' | 'leave' | 'release'

export interface PermitOperation {
  readonly kind: PermitKind
  readonly semaphore: SemaphoreCode
  readonly atMost: number
  /** The slot to begin with: processes that begin at different ones are in each other's way less. */
  readonly from: number
  /** `release`: the slots. Otherwise those that this session has, which would be granted to it again. */
  readonly slots: readonly number[]
  /** Nothing of the semaphore was held before: its shape is to be held from now on, if anything is. */
  readonly enters: boolean
  /** Nothing of the semaphore is held after this: nor is its shape. */
  readonly exits: boolean
  /** `enqueue`: how long it may take for the turn to come. */
  readonly waitMs: number
  /** Whether to look for those who use the semaphore with another number of permits. */
  readonly looks: boolean
}

export interface TakenPermit {
  readonly slot: number
  /** Drawn after the slot was granted, so that for each slot it grows from holder to holder; null if there are none. */
  readonly token: string | null
}

export interface PermitReply {
  readonly taken: readonly TakenPermit[]
  /**
   * - `done`      carried out; no interest is set.
   * - `free`      `enqueue`: carried out, and the slot was free at once.
   * - `waiting`   interest is set: there were not enough slots.
   * - `crowded`   there were not enough slots, and interest could not be set: each `retry` tries that again.
   * - `wanted`    given up, and somebody may have to be woken.
   * - `awaited`   given up, and nobody need be woken: others stand in line for one of the slots.
   */
  readonly said: 'done' | 'free' | 'waiting' | 'crowded' | 'wanted' | 'awaited'
  /** Slots that were to be given up and were not held. */
  readonly missing: readonly number[]
  /** How many permits somebody else takes the semaphore to have; null if nobody was found. */
  readonly otherPermits: number | null
}
