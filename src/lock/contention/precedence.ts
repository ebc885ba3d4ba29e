/**
 * Other processes may fail to come this many times before they are doubted: on a busy machine waiters are not always
 * fast.
 */
const TOLERATED_MISSES = 8

/** How long this process does not yield after one more unnecessary pause, at first and at most. */
const FIRST_SUSPENSION_MS = 100
const LONGEST_SUSPENSION_MS = 800

/**
 * Whether to yield to other processes. They announce that they want a key with registrations and messages that any
 * session can forge. A waiter that never comes must not slow down the others. So after several unnecessary pauses this
 * process stops yielding for a while, longer each time. A waiter that does come waits for the end of that time at most.
 */
export class Precedence {
  #misses = 0
  /** A time on the clock. */
  #suspendedUntil = 0

  isSuspended(now: number): boolean {
    return now < this.#suspendedUntil
  }

  /** This process yielded, and no other process came. */
  missed(now: number): void {
    const doubts = ++this.#misses - TOLERATED_MISSES
    if (doubts > 0)
      this.#suspendedUntil = now + Math.min(FIRST_SUSPENSION_MS * 2 ** (doubts - 1), LONGEST_SUSPENSION_MS)
  }

  /** Another process came, or none is registered any more. */
  came(): void {
    this.#misses = 0
    this.#suspendedUntil = 0
  }
}
