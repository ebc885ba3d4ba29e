import type { Cancel, Clock } from '../../base/clock.js'

/**
 * The lock-delay of a key in strict mode: the server has granted the key to this process, but no caller gets it before
 * the lease of a previous holder is over. The dialect computes its length, from the hold record.
 */
export class LockDelay {
  readonly #cancel: Cancel

  constructor(clock: Clock, delayMs: number, over: () => void) {
    this.#cancel = clock.after(delayMs, over)
  }

  end(): void {
    this.#cancel()
  }
}
