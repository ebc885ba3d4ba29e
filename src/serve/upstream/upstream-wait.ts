import type { Clock } from '../../base/clock.js'
import { SqlError } from '../messages/sql-error.js'
import { isAmongStuck, type HasParty } from './stuck-parties.js'
import type { UpstreamCheckout, UpstreamSource } from './upstream-source.js'

/** The parts that all passing sessions share. */
export interface PassingHost {
  readonly source: UpstreamSource
  readonly clock: Clock
  readonly allSessions: () => Iterable<HasParty>
}

/** A wait looks for a deadlock after this time, repeatedly. It is PostgreSQL's default for `deadlock_timeout`. */
const LOOK_AFTER_MS = 1000

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

  get isWaiting(): boolean {
    return this.#waiting !== null
  }

  /** @throws {SqlError} */
  async lease(): Promise<UpstreamCheckout> {
    if (this.#closed !== null) throw this.#closed
    const waiting = (this.#waiting = new AbortController())
    const look = (): void => {
      if (isAmongStuck(this.#client, this.#host.allSessions())) waiting.abort(deadlock())
      else cancel = this.#host.clock.after(LOOK_AFTER_MS, look, false)
    }
    let cancel = this.#host.clock.after(LOOK_AFTER_MS, look, false)
    try {
      const lease = await this.#host.source.lease(waiting.signal)
      if (this.#closed === null) return lease
      lease.release(false)
      throw this.#closed
    } finally {
      cancel()
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

function deadlock(): SqlError {
  return new SqlError('40P01', 'deadlock detected', {
    detail:
      'All connections to the upstream are held by clients that wait for locks of clients that wait for a connection.',
  })
}
