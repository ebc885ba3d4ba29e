/** How many times a front ticks within the time that it may be silent. */
export const TICKS = 10

/**
 * Counts ticks without a sign of life. It reads no clock: a suspended machine does not tick, so a front that was suspended
 * with it does not count as silent.
 */
export class Silence {
  #ticks = 0

  heard(): void {
    this.#ticks = 0
  }

  /** Counts one more tick. True if the silence has lasted too long. */
  tick(): boolean {
    return ++this.#ticks >= TICKS
  }
}
