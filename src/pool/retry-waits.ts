import type { Clock } from '../base/clock.js'
import { onAbort } from '../base/on-abort.js'

/** Callers that retry later. They are in no queue, so they are kept here to be woken up. */
export class RetryWaits {
  readonly #clock: Clock
  readonly #sleepers = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#sleepers.size
  }

  /** Resolves after `delayMs`, when the signal aborts, or when all are woken: the caller finds out which. */
  sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake)
        cancel()
        forgetSignal?.()
        resolve()
      }
      this.#sleepers.add(wake)
      const cancel = this.#clock.after(delayMs, wake)
      const forgetSignal = signal && onAbort(signal, wake)
    })
  }

  wakeAll(): void {
    for (const wake of [...this.#sleepers]) wake()
  }
}
