import { ConnectionError, LockError } from '../../base/errors.js'
import { FatalError, SqlError } from '../messages/sql-error.js'
import type { ConnectionFactory } from '../../pool/connection-factory.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'
import type { Lease } from '../../pool/lease.js'
import { UpstreamConnection, type UpstreamTransport } from './upstream-connection.js'

/** Opens carriers to the upstream. */
export type OpenTransport = (signal: AbortSignal) => Promise<UpstreamTransport>

/** An upstream connection that one client uses. */
export interface UpstreamCheckout {
  readonly connection: UpstreamConnection
  /** `isBroken`: no other client may use the connection. */
  release(isBroken: boolean): void
}

/** The source of a client's connections to the upstream. */
export interface UpstreamSource {
  /** Whether a client keeps its connection after its transaction: then a pooler at the upstream shares server connections. */
  readonly isKept: boolean
  /** @throws {SqlError} */
  lease(signal: AbortSignal): Promise<UpstreamCheckout>
}

/** What a pool needs to know about upstream connections. */
export function upstreamFactory(open: OpenTransport): ConnectionFactory<UpstreamConnection> {
  return {
    open: async (signal) => new UpstreamConnection(await open(signal)),
    close: (connection) => {
      connection.destroy()
      return Promise.resolve()
    },
    destroy: (connection) => connection.destroy(),
    onEnd: (connection, ended) => connection.onEnd(ended),
  }
}

/** A few connections for all clients: a client uses one during its transaction. */
export class PooledUpstream implements UpstreamSource {
  readonly isKept = false
  readonly #pool: ConnectionPool<UpstreamConnection>
  readonly #timeoutMs: number

  constructor(pool: ConnectionPool<UpstreamConnection>, timeoutMs: number) {
    this.#pool = pool
    this.#timeoutMs = timeoutMs
  }

  async lease(signal: AbortSignal): Promise<UpstreamCheckout> {
    const timeoutMs = this.#timeoutMs
    const connection = await this.#pool.connect({ timeoutMs, signal }).catch((error: unknown) => {
      throw asSqlError(error)
    })
    const lease: Lease = connection
    return { connection: connection, release: (isBroken) => lease.release(isBroken) }
  }
}

/** A connection for each client, to a pooler that shares server connections, such as PgBouncer. */
export class OwnUpstream implements UpstreamSource {
  readonly isKept = true
  readonly #open: OpenTransport
  readonly #timeoutMs: number

  constructor(open: OpenTransport, timeoutMs: number) {
    this.#open = open
    this.#timeoutMs = timeoutMs
  }

  async lease(signal: AbortSignal): Promise<UpstreamCheckout> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#timeoutMs)])
    const carrier = await this.#open(limit).catch((error: unknown) => {
      throw asSqlError(error)
    })
    const connection = new UpstreamConnection(carrier)
    return { connection, release: () => connection.destroy() }
  }
}

function asSqlError(error: unknown): unknown {
  if (error instanceof SqlError) return error
  if (error instanceof ConnectionError) return new SqlError('08006', error.message, { cause: error })
  if (!(error instanceof LockError)) return error
  if (error.code === 'POOL_CLOSED') return new FatalError('57P01', 'the front ends', { cause: error })
  return new SqlError('53300', 'no connection to the upstream is free', {
    detail: error.message,
    cause: error,
  })
}
