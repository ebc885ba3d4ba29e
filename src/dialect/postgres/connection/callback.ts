/** As `pg` takes them: an error, or null and the result. */
export type Callback<T> = (error: Error | null, result?: T) => void

/**
 * Tells a callback what became of a promise. It is called outside of any promise, so that what it throws is an uncaught
 * exception with its own stack, as with `pg`.
 */
export function tell<T>(promise: Promise<T>, callback: Callback<T>): void {
  promise.then(
    (result) => process.nextTick(callback, null, result),
    (error: unknown) => process.nextTick(callback, error),
  )
}

/** The same as a `pg.Pool` does it, which says undefined where a client says null. */
export function tellAsPool<T>(promise: Promise<T>, callback: (error?: Error, result?: T) => void): void {
  promise.then(
    (result) => process.nextTick(callback, undefined, result),
    (error: unknown) => process.nextTick(callback, error),
  )
}
