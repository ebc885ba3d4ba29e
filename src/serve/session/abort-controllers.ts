import { keepListening } from '../../base/on-abort.js'

/** The most controllers that are kept for later statements. */
const MOST_KEPT = 1000

/**
 * Unused controllers, for the next statement of any client. A controller takes more memory than the rest of an idle session
 * with a lock, and creating one for each statement takes time.
 */
export class AbortControllers {
  readonly #kept: AbortController[] = []

  take(): AbortController {
    return this.#kept.pop() ?? made()
  }

  put(controller: AbortController): void {
    if (!controller.signal.aborted && this.#kept.length < MOST_KEPT) this.#kept.push(controller)
  }
}

function made(): AbortController {
  const controller = new AbortController()
  keepListening(controller.signal)
  return controller
}
