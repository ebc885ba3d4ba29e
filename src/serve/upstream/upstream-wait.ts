import type { SqlError } from '../messages/sql-error.js'
import type { DeadlockWatch, HasParty } from './deadlock-watch.js'
import type { UpstreamCheckout, UpstreamSource } from './upstream-source.js'

/** The parts that all passing sessions share. */
export interface PassingHost {
  readonly source: UpstreamSource
  readonly deadlocks: DeadlockWatch
}

/** How one client waits for upstream connections. The wait ends if no connection can come, or if the client has gone. */
export class UpstreamWait {
  readonly #client: HasParty
  readonly #host: PassingHost
  #closed: SqlError | null = null
  /** Not null while the client waits for a connection. */
  #waiting: AbortController | null = null

  constructor(client: HasParty, host: PassingHost) {
    this.#client = client
    this.#host = host
  }

  /** Whether another client must return a connection first. */
  get isWaiting(): boolean {
    return this.#waiting !== null && !this.#host.source.isKept
  }

  /** @throws {SqlError} */
  async lease(): Promise<UpstreamCheckout> {
    if (this.#closed !== null) throw this.#closed
    const waiting = (this.#waiting = new AbortController())
    const { source, deadlocks } = this.#host
    const unwatch = deadlocks.watch(this.#client, (error) => waiting.abort(error))
    try {
      const lease = await source.lease(waiting.signal)
      if (this.#closed === null) return lease
      lease.release(false)
      throw this.#closed
    } finally {
      unwatch()
      this.#waiting = null
    }
  }

  cancel(reason: SqlError): void {
    this.#waiting?.abort(reason)
  }

  close(reason: SqlError): void {
    this.#closed = reason
    this.cancel(reason)
  }
}
