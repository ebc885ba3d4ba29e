import type { Cancel, Clock } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'

/** An entry that waits for a session, and is notified if none can be opened. */
interface WaitingEntry {
  sessionFailed(error: LockError): void
}

/**
 * The entries that wait for a session. When none could be opened, each is notified once, so that callers that do not
 * wait for the server are refused. The others keep their place here, and the pool looks for a session again after a
 * pause. An entry that comes during the pause is notified at once, because the server has just been tried.
 */
export class WaitingEntries<T extends WaitingEntry> {
  readonly #clock: Clock
  readonly #again: () => void
  readonly #waiting = new Set<T>()
  /** Entries that have not heard of the last failure. */
  readonly #unnotified = new Set<T>()
  /** Set during a pause. */
  #cancelPause: Cancel | null = null
  #failure: LockError | null = null

  /** `again` is called at the end of a pause, if an entry waits. */
  constructor(clock: Clock, again: () => void) {
    this.#clock = clock
    this.#again = again
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Whether an attempt has just failed, so that the server is not tried again now. */
  get isPausing(): boolean {
    return this.#cancelPause !== null
  }

  add(entry: T): void {
    this.#waiting.add(entry)
    this.#unnotified.add(entry)
    if (this.isPausing && this.#unnotified.size === 1) queueMicrotask(() => this.#failDuringPause())
  }

  /** True if it was the last. */
  delete(entry: T): boolean {
    if (!this.#waiting.delete(entry)) return false
    this.#unnotified.delete(entry)
    if (this.#waiting.size > 0) return false
    this.#endPause()
    return true
  }

  /** No session could be opened. If that may change, the pool looks again in `pauseMs` for the entries that stay. */
  failed(error: LockError, pauseMs: number): void {
    this.#endPause()
    this.#failure = error
    const notified = error.retryable ? [...this.#unnotified] : [...this.#waiting]
    this.#unnotified.clear()
    // An entry that stays nevertheless adds itself again.
    if (!error.retryable) this.#waiting.clear()
    for (const entry of notified) entry.sessionFailed(error)
    if (this.#waiting.size === 0) return
    this.#cancelPause = this.#clock.after(pauseMs, () => {
      this.#cancelPause = null
      if (this.#waiting.size > 0) this.#again()
    })
  }

  /** Empties it: there is a session, or there will be none. */
  takeAll(): T[] {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#unnotified.clear()
    this.#endPause()
    return waiting
  }

  #failDuringPause(): void {
    if (!this.isPausing) return
    const notified = [...this.#unnotified]
    this.#unnotified.clear()
    for (const entry of notified) entry.sessionFailed(this.#failure!)
  }

  #endPause(): void {
    this.#cancelPause?.()
    this.#cancelPause = null
  }
}
