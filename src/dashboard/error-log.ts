import type { Clock } from '../base/clock.js'

/** A page that is open asks every few seconds: what goes wrong each time is told once in so long. */
const AGAIN_AFTER_MS = 60_000

/** As many kinds of errors as are told apart. */
const MOST_KINDS = 50

/** Tells of errors, and of the same not again and again. Whoever is told can't make it worse by throwing. */
export class ErrorLog {
  readonly #tell: (error: Error) => void
  readonly #clock: Clock
  readonly #toldAt = new Map<string, number>()

  constructor(tell: (error: Error) => void, clock: Clock) {
    this.#tell = tell
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
      this.#tell(error)
    } catch {
      // There is nobody else to tell.
    }
  }
}

/** Where nobody else wants to be told: by default that is standard error. */
export function writeError(cause: unknown): void {
  const { message, stack = message } = cause instanceof Error ? cause : new Error(String(cause))
  process.emitWarning(message, { type: 'LockpoolDashboard', detail: stack })
}
