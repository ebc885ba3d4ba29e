import type { ConnectionFactory } from '../../src/pool/connection-factory.js'
import { Deferred } from '../../src/base/deferred.js'
import type { Lease } from '../../src/pool/lease.js'

/** A connection that is only a number. */
export interface Stub {
  readonly id: number
}

/** Makes stub connections, at once or when the test allows it, and records the calls. */
export class StubFactory implements ConnectionFactory<Stub> {
  readonly opened: Stub[] = []
  readonly closed: Stub[] = []
  readonly destroyed: Stub[] = []
  readonly checked: Stub[] = []
  readonly attempts: { readonly done: Deferred<void>; readonly signal: AbortSignal }[] = []
  readonly #ends = new Map<Stub, (cause: Error) => void>()
  #nextId = 1
  /** Whether opening waits for `attempts[i].done`. */
  isSlow = false
  /** This many of the next connections end by themselves before the pool gets them. */
  stillborn = 0
  /** The error with which opening fails, or null. */
  failure: Error | null = null
  closing: Promise<void> = Promise.resolve()
  checking: () => Promise<void> = () => Promise.resolve()
  cleaning: ((stub: Stub) => Promise<readonly string[]> | null) | null = null

  async open(signal: AbortSignal): Promise<Stub> {
    const done = new Deferred<void>()
    this.attempts.push({ done, signal })
    if (this.isSlow) await done.promise
    if (this.failure !== null) throw this.failure
    const stub = { id: this.#nextId++ }
    this.opened.push(stub)
    return stub
  }

  async close(stub: Stub): Promise<void> {
    this.closed.push(stub)
    await this.closing
  }

  destroy(stub: Stub): void {
    this.destroyed.push(stub)
  }

  check(stub: Stub): Promise<void> {
    this.checked.push(stub)
    return this.checking()
  }

  clean(stub: Stub): Promise<readonly string[]> | null {
    return this.cleaning?.(stub) ?? null
  }

  onEnd(stub: Stub, ended: (cause: Error) => void): void {
    this.#ends.set(stub, ended)
    if (this.stillborn > 0) {
      this.stillborn--
      this.end(stub)
    }
  }

  /** Ends the connection from the side of the server. */
  end(stub: Stub): void {
    this.#ends.get(stub)?.(new Error('the server has gone'))
  }
}

/** Gives each borrower a separate object, as a dialect does. */
export class WrappingFactory extends StubFactory {
  lease(stub: Stub, { release, [Symbol.asyncDispose]: dispose }: Lease): Stub & Lease {
    return { id: stub.id, release, [Symbol.asyncDispose]: dispose }
  }
}
