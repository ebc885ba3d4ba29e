import type { LockKey } from '../../dialect/lock-key.js'
import { semaphoreInWords } from '../../dialect/key-words.js'
import { Lock, type LockInJson } from '../handle/lock.js'

/** A held permit of a semaphore, until it is released or lost. */
export interface Permit extends AsyncDisposable {
  /** The key of the semaphore. */
  readonly key: LockKey
  /** The number of the permit, from 1. No two holders have the same at once, so it can stand for a port or a device. */
  readonly number: number
  /**
   * The fencing token: greater than every earlier token with the same `number`. Holders of different numbers work at the same
   * time, so their tokens say nothing about each other.
   *
   * @throws {FencingUnavailableError} if the pool has no tokens
   */
  readonly token: bigint
  /** The value of `token` for JSON; null if there is none. */
  readonly tokenText: string | null
  /** Checks the clock: a permit whose lease ran out while the process was suspended is lost at the first access. */
  readonly state: 'held' | 'released' | 'lost'
  /** Aborts once, with a LockLostError as its reason, if the permit is lost. Never after a release. */
  readonly signal: AbortSignal
  /** Aborts once if another program asks for the permit: see `Lock.requested`. */
  readonly requested: AbortSignal
  /** Milliseconds since it was granted. */
  readonly heldMs: number
  /** The `label` of its options; null without. */
  readonly label: string | null
  /**
   * Releases the permit. Another call returns the same promise.
   *
   * @throws {LockLostError} if it was lost before it was released, or the outcome is unknown
   */
  release(): Promise<void>
  /** What a log line needs: see `Lock.toJSON`. */
  toJSON(): PermitInJson
}

/** A permit, as `JSON.stringify` writes it. */
export interface PermitInJson extends LockInJson {
  readonly number: number
}

/** A permit is a lock on its slot. */
export class HeldPermit extends Lock implements Permit {
  get number(): number {
    return this.place + 1
  }

  override toJSON(): PermitInJson {
    return { ...super.toJSON(), number: this.number }
  }

  override toString(): string {
    return `a permit of ${semaphoreInWords(this.key)}`
  }
}
