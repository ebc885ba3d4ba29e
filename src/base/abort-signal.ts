/**
 * Whether it is an AbortSignal, perhaps of another realm: test environments, frameworks and polyfills have classes of their
 * own, so `instanceof` would refuse some of them.
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof AbortSignal === 'function' && value instanceof AbortSignal) return true
  if (typeof value !== 'object' || value === null) return false
  try {
    const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
    return (
      typeof aborted === 'boolean' &&
      typeof addEventListener === 'function' &&
      typeof removeEventListener === 'function'
    )
  } catch {
    // A getter of it threw.
    return false
  }
}

/** What an aborted signal rejects with. A polyfill may lack `throwIfAborted`. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal !== undefined && signal.aborted) throw signal.reason
}
