/**
 * Other processes may fail to come this many times before they are doubted: on a busy machine waiters are not always
 * fast.
 */
const TOLERATED_MISSES = 8

/** How long this process does not yield after one more unnecessary pause, at first and at most. */
const FIRST_REST_MS = 100
const LONGEST_REST_MS = 800

/**
 * Whether to yield to other processes. They announce that they want a key with registrations and messages that any
 * session can forge. A waiter that never comes must not slow down the others. So after several unnecessary pauses this
 * process stops yielding for a while, longer each time. A waiter that does come waits for the end of that time at most.
 */
export class Precedence {
  #inVain = 0
  /** A time on the clock. */
  #restsUntil = 0

  isResting(now: number): boolean {
    return now < this.#restsUntil
  }

  /** This process yielded, and no other process came. */
  wasInVain(now: number): void {
    const doubts = ++this.#inVain - TOLERATED_MISSES
    if (doubts > 0) this.#restsUntil = now + Math.min(FIRST_REST_MS * 2 ** (doubts - 1), LONGEST_REST_MS)
  }

  /** Another process came, or none is registered any more. */
  wasRight(): void {
    this.#inVain = 0
    this.#restsUntil = 0
  }
}
