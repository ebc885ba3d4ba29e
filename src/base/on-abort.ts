/** Cancels a planned call. It does nothing after that call, or if called again. */
export type Cancel = () => void

/** The functions to call when a signal aborts. */
class Acts extends Set<() => void> {
  /** Whether the listener stays when no function is left. */
  isKept = false
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    super()
    this.#signal = signal
  }

  listen(): void {
    guarded(() => this.#signal.addEventListener('abort', this.#callAll))
  }

  unlisten(): void {
    guarded(() => this.#signal.removeEventListener('abort', this.#callAll))
  }

  readonly #callAll = (): void => {
    waiting.delete(this.#signal)
    this.unlisten()
    for (const act of this) act()
  }
}

/** The signal may be an object of the program. If it throws, the process gets the error as an uncaught one. */
function guarded(call: () => void): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** The waiters of each signal. One listener per signal serves all of them. */
const waiting = new WeakMap<AbortSignal, Acts>()

/**
 * Calls `act` once when `signal` aborts, unless cancelled before. A signal that thousands of callers share, such as that of
 * a shutdown, has one listener for all of them: Node warns of a leak from the eleventh on.
 */
export function onAbort(signal: AbortSignal, act: () => void): Cancel {
  const mine = waiting.get(signal) ?? listenTo(signal)
  mine.add(act)
  return () => {
    if (!mine.delete(act) || mine.size > 0 || mine.isKept) return
    if (waiting.get(signal) !== mine) return
    waiting.delete(signal)
    mine.unlisten()
  }
}

/**
 * For a signal that lockpool itself uses for many short waits in sequence. Adding and removing a listener for each would take
 * a tenth of the time of a lock statement of `lockpool serve`.
 */
export function keepListening(signal: AbortSignal): void {
  const acts = waiting.get(signal) ?? listenTo(signal)
  acts.isKept = true
}

function listenTo(signal: AbortSignal): Acts {
  const acts = new Acts(signal)
  waiting.set(signal, acts)
  acts.listen()
  return acts
}
