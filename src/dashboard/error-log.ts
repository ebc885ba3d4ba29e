import type { Clock } from '../base/clock.js'

/** An open page polls every few seconds: an error that repeats is reported once in this time. */
const AGAIN_AFTER_MS = 60_000

/** The most kinds of errors that are distinguished. */
const MOST_KINDS = 50

/** Reports errors, but not the same one again and again. A listener that throws does no harm. */
export class ErrorLog {
  readonly #write: (error: Error) => void
  readonly #clock: Clock
  readonly #toldAt = new Map<string, number>()

  constructor(write: (error: Error) => void, clock: Clock) {
    this.#write = write
    this.#clock = clock
  }

  readonly report = (cause: unknown): void => {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    const kind = `${error.name}: ${error.message}`
    const now = this.#clock.now()
    const toldAt = this.#toldAt.get(kind)
    if (toldAt !== undefined && now - toldAt < AGAIN_AFTER_MS) return
    if (this.#toldAt.size >= MOST_KINDS) this.#toldAt.clear()
    this.#toldAt.set(kind, now)
    try {
      this.#write(error)
    } catch {
      // There is no other place to report it.
    }
  }
}

/** The default: a process warning, which Node.js writes to standard error. */
export function writeError(cause: unknown): void {
  const { message, stack = message } = cause instanceof Error ? cause : new Error(String(cause))
  process.emitWarning(message, { type: 'LockpoolDashboard', detail: stack })
}
