import { Deferred } from '../../base/deferred.js'
import type { Clock } from '../../base/clock.js'
import type { Turn } from '../../dialect/dialect.js'

/** Whoever has not even come to stand in line by then gives up its place. */
const PATIENCE_MS = 1000

/** The waits in line of this process. The connection that listens carries out one at a time, in the order they came. */
export class LineWaits {
  readonly #clock: Clock
  readonly #waiting: Deferred<boolean>[] = []
  #isTaken = false
  #size = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Under way, or waiting for that. */
  get size(): number {
    return this.#size
  }

  /**
   * `begin` begins to wait, once the connection is free for that, and returns two things: the answer, which may be given up
   * for lost, and what settles when the connection is free again.
   */
  async run(begin: () => { readonly turn: Promise<Turn>; readonly over: Promise<unknown> }): Promise<Turn> {
    this.#size++
    try {
      if (this.#isTaken && !(await this.#free())) return 'late'
      this.#isTaken = true
      const { turn, over } = begin()
      void over.catch(() => undefined).then(() => this.#next())
      return await turn
    } finally {
      this.#size--
    }
  }

  #free(): Promise<boolean> {
    const place = new Deferred<boolean>()
    this.#waiting.push(place)
    const cancel = this.#clock.after(PATIENCE_MS, () => {
      const at = this.#waiting.indexOf(place)
      if (at >= 0) this.#waiting.splice(at, 1)
      place.resolve(false)
    })
    return place.promise.finally(cancel)
  }

  /** Handed from one to the next without being free in between. */
  #next(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#isTaken = false
    else next.resolve(true)
  }
}
