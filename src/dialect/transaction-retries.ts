import { isAbortSignal, throwIfAborted } from '../base/abort-signal.js'
import { backoffDelay, type Backoff } from '../base/backoff.js'
import { sleep, type Clock } from '../base/clock.js'
import { InvalidOptionError } from '../base/errors.js'
import { integer, show, type OptionSpec } from '../base/options.js'
import type { Random } from '../base/random.js'

/** How often the body of a transaction may run again. */
export const RETRIES: OptionSpec<number> = integer({ default: 0, min: 0, max: 100 })

/** Two that have just collided should not do so again. */
const PAUSE: Backoff = { firstMs: 5, factor: 2, capMs: 1000, jitter: 1 }

/** Errors have causes, but hardly more than so many. */
const DEEPEST = 10

/** @throws {InvalidOptionError} */
export function checkBody(body: unknown): void {
  if (typeof body !== 'function')
    throw new InvalidOptionError([`the body must be a function, got ${show(body)}`])
}

/** @throws {InvalidOptionError} */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !isAbortSignal(signal))
    throw new InvalidOptionError([`"signal" must be an AbortSignal, got ${show(signal)}`])
}

/**
 * Runs a transaction, and again after each collision, up to `retries` times.
 *
 * @throws what `once` throws, or the reason of the signal
 */
export async function withRetries<T>(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  { retries, signal }: { readonly retries: number; readonly signal: AbortSignal | undefined },
  isCollision: (error: unknown) => boolean,
  once: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal)
    try {
      return await once()
    } catch (error) {
      throwIfAborted(signal)
      if (attempt >= retries || !isCollision(error)) throw error
      await sleep(clock, backoffDelay(PAUSE, attempt, random), signal)
    }
  }
}

/** Whether it is so of an error, or of one behind it: that of the driver, or of ours. */
export function isSoOfCause(error: unknown, isSo: (error: object) => boolean): boolean {
  let cause = error
  for (let depth = 0; depth < DEEPEST && typeof cause === 'object' && cause !== null; depth++) {
    if (isSo(cause)) return true
    cause = (cause as { cause?: unknown }).cause
  }
  return false
}
