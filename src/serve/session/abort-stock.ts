import { keepListening } from '../../base/on-abort.js'

/** At most this many are kept for later statements. */
const MOST_KEPT = 1000

/**
 * Controllers that were not used, for the next statement of whichever client. One takes more memory than all else of a session
 * that idles with a lock, and making one for each statement takes time.
 */
export class AbortStock {
  readonly #kept: AbortController[] = []

  take(): AbortController {
    return this.#kept.pop() ?? made()
  }

  giveBack(controller: AbortController): void {
    if (!controller.signal.aborted && this.#kept.length < MOST_KEPT) this.#kept.push(controller)
  }
}

function made(): AbortController {
  const controller = new AbortController()
  keepListening(controller.signal)
  return controller
}
