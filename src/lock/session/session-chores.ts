import type { Cancel, Clock } from '../../base/clock.js'
import type { LockLink } from '../../dialect/dialect.js'

/** Between looks for tokens, while there are none. Others may have to repair something, so there is no hurry. */
const FIRST_LOOK_MS = 1000
const LONGEST_PAUSE_MS = 60_000

export interface ChoresHost {
  readonly clock: Clock
  readonly link: Pick<LockLink, 'noFencing' | 'settleMs' | 'settle' | 'findTokens'>
  /** Whether there are to be tokens at all. */
  readonly isFencing: boolean
  /** By what the link says now. */
  tokensChanged(): void
  warn(message: string, error?: Error): void
}

/** What a session does beside its batches, now and then: it looks for tokens it has lost, and says when the server has settled. */
export class SessionChores {
  readonly #host: ChoresHost
  #cancelLook: Cancel | null = null
  #cancelSettling: Cancel | null = null
  #looks = 0
  /** Null while they are being looked for. */
  #foundAt: number | null
  /** No grant may be told before, where that matters. */
  readonly settledAt: number

  /** Made when the session is attached. */
  constructor(host: ChoresHost) {
    this.#host = host
    this.#foundAt = host.clock.now()
    this.settledAt = host.link.settleMs === 0 ? 0 : host.clock.now() + host.link.settleMs
  }

  start(): void {
    const { clock, link } = this.#host
    if (link.settleMs > 0) {
      this.#cancelSettling = clock.after(link.settleMs, () => {
        link
          .settle()
          .catch((error: unknown) =>
            this.#host.warn('the server could not be said to have settled', error as Error),
          )
      })
    }
    this.lookForTokens()
  }

  stop(): void {
    this.#cancelLook?.()
    this.#cancelSettling?.()
    this.#cancelLook = this.#cancelSettling = null
  }

  /** If there are none. Looks that keep finding what is lost again at once become rare all the same. */
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
      // The connection: its end is told elsewhere.
    }
    // It may have been stopped meanwhile.
    if (this.#cancelLook === null) return
    this.#cancelLook = null
    if (link.noFencing === null) this.#foundAt = clock.now()
    this.#host.tokensChanged()
    this.lookForTokens()
  }
}
