import { InvalidOptionError } from './errors.js'
import { checkIsObject, show } from './options.js'

/**
 * Whether `value` is an AbortSignal. Test environments, frameworks and polyfills have their own classes, and `instanceof`
 * would refuse some of them.
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
    // A getter of `value` threw.
    return false
  }
}

/** Throws the reason if the signal is aborted. A polyfill may lack `throwIfAborted`. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal !== undefined && signal.aborted) throw signal.reason
}

/** The signal of a call that has no other option. @throws {InvalidOptionError} */
export function signalOf(options: { readonly signal?: AbortSignal }): AbortSignal | undefined {
  checkIsObject(options)
  const { signal } = options
  if (signal === undefined || isAbortSignal(signal)) return signal
  throw new InvalidOptionError([`"signal" must be an AbortSignal, got ${show(signal)}`])
}
