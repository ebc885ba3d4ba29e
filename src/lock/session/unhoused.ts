import type { Cancel, Clock } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'

/** Who waits for a session and is told if none can be had. */
interface Unlucky {
  sessionFailed(error: LockError): void
}

/**
 * Who waits for a session. When none could be opened, each is told once, so that callers who do not wait for the server are
 * refused; those who do keep their place here, and a session is looked for again after a pause. Whoever comes during the pause
 * is told at once: the server has just been asked.
 */
export class Unhoused<T extends Unlucky> {
  readonly #clock: Clock
  readonly #again: () => void
  readonly #waiting = new Set<T>()
  /** Those who have not been told of the last failure. */
  readonly #untold = new Set<T>()
  /** Set during a pause. */
  #cancelPause: Cancel | null = null
  #failure: LockError | null = null

  /** `again` is called when a pause is over, if somebody waits. */
  constructor(clock: Clock, again: () => void) {
    this.#clock = clock
    this.#again = again
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Whether the server has just been asked, in vain, and is not to be asked now. */
  get isPausing(): boolean {
    return this.#cancelPause !== null
  }

  add(tenant: T): void {
    this.#waiting.add(tenant)
    this.#untold.add(tenant)
    if (this.isPausing && this.#untold.size === 1) queueMicrotask(() => this.#tellDuringPause())
  }

  /** True if it was the last. */
  delete(tenant: T): boolean {
    if (!this.#waiting.delete(tenant)) return false
    this.#untold.delete(tenant)
    if (this.#waiting.size > 0) return false
    this.#endPause()
    return true
  }

  /** No session could be opened. If that may change, those who stay are looked after again in `pauseMs`. */
  failed(error: LockError, pauseMs: number): void {
    this.#endPause()
    this.#failure = error
    const told = error.retryable ? [...this.#untold] : [...this.#waiting]
    this.#untold.clear()
    // Whoever stays for all that comes back by itself.
    if (!error.retryable) this.#waiting.clear()
    for (const tenant of told) tenant.sessionFailed(error)
    if (this.#waiting.size === 0) return
    this.#cancelPause = this.#clock.after(pauseMs, () => {
      this.#cancelPause = null
      if (this.#waiting.size > 0) this.#again()
    })
  }

  /** Empties it: there is a session, or will be none. */
  takeAll(): T[] {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#untold.clear()
    this.#endPause()
    return waiting
  }

  #tellDuringPause(): void {
    if (!this.isPausing) return
    const told = [...this.#untold]
    this.#untold.clear()
    for (const tenant of told) tenant.sessionFailed(this.#failure!)
  }

  #endPause(): void {
    this.#cancelPause?.()
    this.#cancelPause = null
  }
}
