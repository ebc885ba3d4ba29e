/** So often it may turn out in vain before it is doubted: on a busy machine those who wait are not always quick. */
const PATIENCE = 8

/** How long others are not let go first when it was in vain once more, and how long at most. */
const FIRST_REST_MS = 100
const LONGEST_REST_MS = 800

/**
 * Whether others are still to be let go first. They say that they want something by marks and messages that any session
 * can set and send. Who says so and never comes must not slow down those who do the work: after some times in vain the
 * courtesy rests, for longer and longer, and whoever does come waits for the end of a rest at most.
 */
export class Courtesy {
  #inVain = 0
  /** On the clock. */
  #restsUntil = 0

  isResting(now: number): boolean {
    return now < this.#restsUntil
  }

  /** They were let go first, and nobody came. */
  wasInVain(now: number): void {
    const doubts = ++this.#inVain - PATIENCE
    if (doubts > 0) this.#restsUntil = now + Math.min(FIRST_REST_MS * 2 ** (doubts - 1), LONGEST_REST_MS)
  }

  /** Somebody came, or nobody says any more that he wants something. */
  wasRight(): void {
    this.#inVain = 0
    this.#restsUntil = 0
  }
}
