type Resolve = (value?: unknown) => void
type Reject = (reason: unknown) => void

/** The handles of the promise that is being made. */
let resolveLast: Resolve = nothing
let rejectLast: Reject = nothing

/**
 * For `new Promise`, which calls it before it returns: one function for all promises. A closure for each would be a good
 * part of what a promise costs, and there are two to a lock.
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
    // They would keep the promise, and what it is resolved with, for as long as no other is made.
    resolveLast = rejectLast = nothing
  }
}

function nothing(): void {}
