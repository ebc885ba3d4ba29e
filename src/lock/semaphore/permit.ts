import type { LockKey } from '../../dialect/lock-key.js'
import { semaphoreInWords } from '../../dialect/key-words.js'
import { Lock } from '../handle/lock.js'

/** One of the permits of a semaphore, until it is released or lost. */
export interface Permit extends AsyncDisposable {
  /** The key of the semaphore. */
  readonly key: LockKey
  /** Which of the permits it is, from 1 on. No two holders have the same at once: it can stand for a port or a device. */
  readonly number: number
  /**
   * The fencing token: greater than every token that came before it with the same `number`. Holders of different numbers
   * are there at once, so their tokens say nothing about each other.
   *
   * @throws {FencingUnavailableError} if the pool has no tokens
   */
  readonly token: bigint
  /** As `token`, for JSON; null if there is none. */
  readonly tokenText: string | null
  /** Looks at the clock: one whose lease ran out while the process was suspended is lost at the first look. */
  readonly state: 'held' | 'released' | 'lost'
  /** Aborts once, with a LockLostError as its reason, if the permit is lost. Never after a release. */
  readonly signal: AbortSignal
  /** Milliseconds since it was granted. */
  readonly heldMs: number
  /** What it was asked for with; null without. */
  readonly label: string | null
  /**
   * Gives it back. Calling it again returns the same promise.
   *
   * @throws {LockLostError} if it was lost before it was released, or nobody can tell
   */
  release(): Promise<void>
}

/** A permit is a lock on its slot. */
export class HeldPermit extends Lock implements Permit {
  get number(): number {
    return this.place + 1
  }

  override toString(): string {
    return `a permit of ${semaphoreInWords(this.key)}`
  }
}
