import type { Clock } from '../base/clock.js'

/** A limit per second for what other roles may send us, so that it cannot keep us busy. */
export class RateLimit {
  readonly #clock: Clock
  readonly #perSecond: number
  #since: number
  #spent = 0

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#since = clock.now()
  }

  /** False if the budget is used up. */
  spend(): boolean {
    const now = this.#clock.now()
    if (now - this.#since >= 1000) {
      this.#since = now
      this.#spent = 0
    }
    return this.#spent++ < this.#perSecond
  }
}
