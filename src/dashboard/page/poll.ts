import { after } from './ticker.js'

export interface PollHost {
  /** One request. It must not reject. */
  readonly look: () => Promise<void>
  readonly everyMs: () => number
}

/** Polls: never twice at once, and not while the page is hidden. */
export class Poll {
  readonly #host: PollHost
  #isPaused = false
  #isLooking = false
  #cancel: (() => void) | null = null

  constructor(host: PollHost) {
    this.#host = host
    document.addEventListener('visibilitychange', () => this.now())
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused
    this.now()
  }

  /** Polls at once if possible, and from then on at its interval. */
  now(): void {
    this.#cancel?.()
    this.#cancel = null
    if (this.#isPaused || this.#isLooking || document.hidden) return
    this.#isLooking = true
    void this.#host.look().then(() => {
      this.#isLooking = false
      if (!this.#isPaused) this.#cancel = after(this.#host.everyMs(), () => this.now())
    })
  }
}
