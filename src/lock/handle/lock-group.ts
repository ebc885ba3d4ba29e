import type { LockMode } from '../../dialect/lock-key.js'
import type { Lock } from './lock.js'

/** Several locks that are acquired and released together. */
export class LockGroup implements AsyncDisposable {
  /** The mode of all of them. */
  readonly mode: LockMode
  /** One lock per key, in the order of the keys; a key that was named twice has one lock. */
  readonly locks: readonly Lock[]
  /** Created only if `signal` is used. */
  #signal: AbortSignal | null = null

  /** @internal */
  constructor(mode: LockMode, locks: readonly Lock[]) {
    this.mode = mode
    this.locks = locks
  }

  /** `lost` as soon as one of them is: what they guard together is no longer guarded. */
  get state(): 'held' | 'released' | 'lost' {
    const states = new Set(this.locks.map((lock) => lock.state))
    if (states.has('lost')) return 'lost'
    return states.has('released') ? 'released' : 'held'
  }

  /** Aborts once, with the LockLostError of the first that is lost as its reason. */
  get signal(): AbortSignal {
    return (this.#signal ??= AbortSignal.any(this.locks.map((lock) => lock.signal)))
  }

  /**
   * Releases all of them, in one round trip per session. Another call does nothing more.
   *
   * @throws {LockLostError} if one of them was lost; the others are released anyway.
   */
  async release(): Promise<void> {
    const outcomes = await Promise.allSettled(this.locks.map((lock) => lock.release()))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** Like `release`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}
