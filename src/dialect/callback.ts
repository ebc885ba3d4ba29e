/** The form of a callback in `pg` and `mysql2`: it gets an error, or null and the result. */
export type Callback<T> = (error: Error | null, result?: T) => void

/**
 * Calls `callback` with the outcome of a promise. The call runs outside of any promise chain, so an error that the
 * callback throws is an uncaught exception with its own stack, as with the drivers.
 */
export function callBack<T>(promise: Promise<T>, callback: Callback<T>): void {
  promise.then(
    (result) => process.nextTick(callback, null, result),
    (error: unknown) => process.nextTick(callback, error),
  )
}

/** Does the same in the way of `pg.Pool`, which passes undefined where a client passes null. */
export function callBackAsPool<T>(promise: Promise<T>, callback: (error?: Error, result?: T) => void): void {
  promise.then(
    (result) => process.nextTick(callback, undefined, result),
    (error: unknown) => process.nextTick(callback, error),
  )
}
