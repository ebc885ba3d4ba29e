import { Deferred } from './deferred.js'
import { onAbort } from './on-abort.js'

/** Settles like `work`, unless the signal aborts first. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Deferred<never>()
  const abort = (): void => aborted.reject(signal.reason as Error)
  if (signal.aborted) abort()
  return Promise.race([work, aborted.promise]).finally(onAbort(signal, abort))
}
