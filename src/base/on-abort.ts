/** Calls off what was to happen. Calling it again, or after that has happened, does nothing. */
export type Cancel = () => void

/** The waiters of each signal. One listener per signal serves all of them. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `act` once when `signal` aborts, unless cancelled before. A signal that thousands of callers share, such as that of
 * a shutdown, has one listener for all of them: Node warns of a leak from the eleventh on.
 */
export function onAbort(signal: AbortSignal, act: () => void): Cancel {
  let acts = waiting.get(signal)
  if (acts === undefined) {
    acts = new Set()
    waiting.set(signal, acts)
    signal.addEventListener('abort', tellAll)
  }
  const mine = acts
  mine.add(act)
  return () => {
    if (!mine.delete(act) || mine.size > 0) return
    if (waiting.get(signal) !== mine) return
    waiting.delete(signal)
    signal.removeEventListener('abort', tellAll)
  }
}

function tellAll(this: AbortSignal): void {
  const acts = waiting.get(this)
  waiting.delete(this)
  this.removeEventListener('abort', tellAll)
  for (const act of acts ?? []) act()
}
