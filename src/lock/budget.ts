import type { Clock } from '../base/clock.js'

/** So much per second and no more: what anybody may send us must not keep us busy. */
export class Budget {
  readonly #clock: Clock
  readonly #perSecond: number
  #since: number
  #spent = 0

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#since = clock.now()
  }

  /** False if there is none left. */
  spend(): boolean {
    const now = this.#clock.now()
    if (now - this.#since >= 1000) {
      this.#since = now
      this.#spent = 0
    }
    return this.#spent++ < this.#perSecond
  }
}
