/** How many times a front ticks within the time that it may be silent. */
export const TICKS = 10

/**
 * Counts ticks without a sign of life. It does not look at a clock: a machine that was suspended has not ticked, and a front
 * that was suspended with it is not silent.
 */
export class Silence {
  #ticks = 0

  heard(): void {
    this.#ticks = 0
  }

  /** One more tick has gone by. True if the silence has lasted too long. */
  tick(): boolean {
    return ++this.#ticks >= TICKS
  }
}
