import { isAbortSignal, throwIfAborted } from '../base/abort-signal.js'
import { backoffDelay, type Backoff } from '../base/backoff.js'
import { sleep, type Clock } from '../base/clock.js'
import { InvalidOptionError } from '../base/errors.js'
import { integer, oneOf, resolveOptions, show, type OptionTable } from '../base/options.js'
import type { Random } from '../base/random.js'

/** The options of a transaction, in any database. */
export interface TransactionSettings<Isolation extends string> {
  readonly isolation?: Isolation
  /** How often the body may run again. */
  readonly retries?: number
  readonly signal?: AbortSignal
}

export interface CheckedTransaction<Isolation extends string> {
  readonly isolation: Isolation
  readonly retries: number
  readonly signal: AbortSignal | undefined
}

/** The table of the options. The signal is not in it, because it has no default. */
export type TransactionTable<Isolation extends string> = OptionTable<
  Omit<TransactionSettings<Isolation>, 'signal'>
>

export function transactionTable<Isolation extends string>(
  isolations: Readonly<Record<Isolation, string>>,
  fallback: Isolation,
): TransactionTable<Isolation> {
  return {
    isolation: oneOf(Object.keys(isolations) as Isolation[], fallback),
    retries: integer({ default: 0, min: 0, max: 100 }),
  }
}

/** @throws {InvalidOptionError} */
export function checkTransaction<Isolation extends string>(
  body: unknown,
  options: TransactionSettings<Isolation>,
  table: TransactionTable<Isolation>,
): CheckedTransaction<Isolation> {
  if (typeof body !== 'function')
    throw new InvalidOptionError([`the body must be a function, got ${show(body)}`])
  const { isolation, retries } = resolveOptions(options, table, ['signal'])
  const { signal } = options
  if (signal !== undefined && !isAbortSignal(signal))
    throw new InvalidOptionError([`"signal" must be an AbortSignal, got ${show(signal)}`])
  return { isolation, retries, signal }
}

/** The pause before another attempt. It is random, so that two transactions that have collided do not collide again. */
const PAUSE: Backoff = { firstMs: 5, factor: 2, capMs: 1000, jitter: 1 }

/** The maximum number of causes to follow. Chains of causes are hardly longer. */
const DEEPEST = 10

/**
 * Runs a transaction, and again after each collision, up to `retries` times. `once` reports with `endedByBody` that the
 * body has ended its transaction: what came before may be committed, so the body must not run again.
 *
 * @throws the error of `once`, or the reason of the signal
 */
export async function withRetries<T>(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  { retries, signal }: { readonly retries: number; readonly signal: AbortSignal | undefined },
  isCollision: (error: unknown) => boolean,
  once: (endedByBody: () => void) => Promise<T>,
): Promise<T> {
  let isEnded = false
  const endedByBody = (): void => void (isEnded = true)
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal)
    try {
      return await once(endedByBody)
    } catch (error) {
      throwIfAborted(signal)
      if (attempt >= retries || isEnded || !isCollision(error)) throw error
      await sleep(clock, backoffDelay(PAUSE, attempt, random), signal)
    }
  }
}

/** Whether an error, or one of its causes, matches. */
export function matchesWithCauses(error: unknown, isSo: (error: object) => boolean): boolean {
  let cause = error
  for (let depth = 0; depth < DEEPEST && typeof cause === 'object' && cause !== null; depth++) {
    if (isSo(cause)) return true
    cause = (cause as { cause?: unknown }).cause
  }
  return false
}
