type Resolve = (value?: unknown) => void
type Reject = (reason: unknown) => void

/** The handles of the promise that is being made. */
let resolveLast: Resolve = nothing
let rejectLast: Reject = nothing

/**
 * The executor of every `new Promise`, which calls it at once. All promises share this function: a closure for each would be
 * a large part of the cost of a promise, and a lock needs two promises.
 */
function hold(resolve: Resolve, reject: Reject): void {
  resolveLast = resolve
  rejectLast = reject
}

/** A promise with its handles outside. (`Promise.withResolvers` is missing from Node 20.) */
export class Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void

  constructor() {
    this.promise = new Promise<T>(hold as never)
    this.resolve = resolveLast
    this.reject = rejectLast
    // Otherwise these variables keep the promise and its value in memory until another promise is made.
    resolveLast = rejectLast = nothing
  }
}

function nothing(): void {}
