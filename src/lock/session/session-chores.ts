import type { Cancel, Clock } from '../../base/clock.js'
import type { LockLink } from '../../dialect/dialect.js'

/**
 * The time between searches for tokens while there are none. Another role may have to repair something, so there is no
 * hurry.
 */
const FIRST_LOOK_MS = 1000
const LONGEST_PAUSE_MS = 60_000

export interface ChoresHost {
  readonly clock: Clock
  readonly link: Pick<LockLink, 'noFencing' | 'attachDelayMs' | 'attachDelayEnded' | 'findTokens'>
  /** Whether the pool wants tokens at all. */
  readonly isFencing: boolean
  /** Called when the link has got or lost its tokens. */
  tokensChanged(): void
  warn(message: string, error?: Error): void
}

/**
 * The occasional work of a session besides its batches: it looks for lost tokens, and reports when the lock-delay is
 * over.
 */
export class SessionChores {
  readonly #host: ChoresHost
  #cancelLook: Cancel | null = null
  #cancelAttachDelay: Cancel | null = null
  #looks = 0
  /** Null while the session looks for them. */
  #foundAt: number | null
  /** No caller may get a lock before this time, in strict mode. */
  readonly settledAt: number

  /** Set when the session is attached. */
  constructor(host: ChoresHost) {
    this.#host = host
    this.#foundAt = host.clock.now()
    this.settledAt = host.link.attachDelayMs === 0 ? 0 : host.clock.now() + host.link.attachDelayMs
  }

  start(): void {
    const { clock, link } = this.#host
    if (link.attachDelayMs > 0) {
      this.#cancelAttachDelay = clock.after(link.attachDelayMs, () => {
        link
          .attachDelayEnded()
          .catch((error: unknown) =>
            this.#host.warn('the end of the attach delay could not be reported', error as Error),
          )
      })
    }
    this.lookForTokens()
  }

  stop(): void {
    this.#cancelLook?.()
    this.#cancelAttachDelay?.()
    this.#cancelLook = this.#cancelAttachDelay = null
  }

  /** Looks for tokens if there are none. If tokens get lost again soon after each search, searches become rare too. */
  lookForTokens(): void {
    const { clock, link, isFencing } = this.#host
    if (!isFencing || link.noFencing === null || this.#cancelLook !== null) return
    if (this.#foundAt !== null && clock.now() - this.#foundAt > LONGEST_PAUSE_MS) this.#looks = 0
    this.#foundAt = null
    const pauseMs = Math.min(FIRST_LOOK_MS * 2 ** this.#looks++, LONGEST_PAUSE_MS)
    this.#cancelLook = clock.after(pauseMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { clock, link } = this.#host
    try {
      await link.findTokens()
    } catch {
      // A failure of the connection is reported elsewhere.
    }
    // The chores may have been stopped meanwhile.
    if (this.#cancelLook === null) return
    this.#cancelLook = null
    if (link.noFencing === null) this.#foundAt = clock.now()
    this.#host.tokensChanged()
    this.lookForTokens()
  }
}
