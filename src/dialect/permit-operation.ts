import type { KeyCode } from './lock-key.js'

/**
 * A semaphore in the form of a dialect: numbered slots, which are separate keys. A holder has one slot exclusively. So
 * the server counts the slots that are really held, and the end of a session frees its slots.
 */
export interface SemaphoreCode {
  /** The key for waiter registrations and wake-ups. No lock has the same key. */
  readonly key: KeyCode
  readonly permits: number
  /**
   * A key that all sessions share which use the semaphore with this number of permits, while they hold permits or wait.
   */
  readonly shape: KeyCode
  /** The key of a slot, from 0 to `permits - 1`. */
  readonly slot: (number: number) => KeyCode
}

/**
 * The operations on the permits of one semaphore. Registrations work as for locks.
 *
 * - `take`: takes free slots, up to `atMost`.
 * - `enqueue`: waits in the server's own queue for the slot `from`, for at most `waitMs`, then like `take`.
 * - `wait`: sets a registration, then like `take`.
 * - `retry`: a registration is set; like `take`. After `wait` and `retry` the registration stays only if there were not
 *   enough slots.
 * - `leave`: drops the registration.
 * - `release`: releases slots, and reports whether another process may be waiting.
 */
export type PermitKind = 'take' | 'enqueue' | 'wait' | 'retry' | 'leave' | 'release'

export interface PermitOperation {
  readonly kind: PermitKind
  readonly semaphore: SemaphoreCode
  readonly atMost: number
  /** The first slot to try. Processes that start at different slots contend less. */
  readonly from: number
  /**
   * For `release`: the slots to release. Otherwise the slots that this session has, which the server would grant to it
   * again.
   */
  readonly slots: readonly number[]
  /** Whether the session held nothing of the semaphore before, so that it must take the shape if it gets a slot. */
  readonly enters: boolean
  /** Whether the session holds nothing of the semaphore afterwards, so that it must release the shape. */
  readonly exits: boolean
  /** For `enqueue`: the maximum wait. */
  readonly waitMs: number
  /** Whether to check for sessions that use the semaphore with another number of permits. */
  readonly looks: boolean
}

export interface TakenPermit {
  readonly slot: number
  /**
   * Drawn after the slot was granted, so that the tokens of each slot grow from holder to holder. Null if there are no
   * tokens.
   */
  readonly token: string | null
}

export interface PermitReply {
  readonly taken: readonly TakenPermit[]
  /**
   * - `done`: done; no registration is set.
   * - `free`: for `enqueue`: done, and the slot was free at once.
   * - `waiting`: there were not enough slots; a registration is set.
   * - `crowded`: there were not enough slots, and the registration could not be set; each `retry` tries again to set
   *   it.
   * - `wanted`: released, and another process may need a wake-up.
   * - `awaited`: released, and no process needs a wake-up, because others wait in the server queue of a slot.
   */
  readonly said: 'done' | 'free' | 'waiting' | 'crowded' | 'wanted' | 'awaited'
  /** Slots that should have been released but were not held. */
  readonly missing: readonly number[]
  /** The number of permits that another session uses for this semaphore; null if there is no such session. */
  readonly otherPermits: number | null
}
