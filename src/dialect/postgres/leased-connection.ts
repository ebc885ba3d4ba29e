import { ConnectionError } from '../../base/errors.js'
import type { Lease } from '../../pool/lease.js'
import type { QueryConfig, QueryResult } from '../queryable.js'
import type { Dirt } from './dirt.js'
import type { ConnectionEvents, PostgresConnection } from './postgres-connection.js'
import { ServerConnection } from './server-connection.js'

/**
 * A connection as one borrower has it. It ends with the lease: whoever keeps it longer gets an error, and can't disturb
 * the next borrower.
 */
export class LeasedConnection implements PostgresConnection, Lease {
  readonly release: (destroy?: boolean | Error) => void
  readonly #server: ServerConnection
  readonly #dirt: Dirt
  /** Takes the borrower's listeners off again. */
  readonly #cleanups: (() => void)[] = []
  #isOver = false

  constructor(server: ServerConnection, lease: Lease, dirt: Dirt) {
    this.#server = server
    this.#dirt = dirt
    this.release = (destroy) => {
      this.#end()
      lease.release(destroy)
    }
  }

  /** For lock sessions, which clean up after themselves: the connection under a lease. */
  static serverOf(connection: PostgresConnection): ServerConnection {
    if (connection instanceof LeasedConnection) return connection.#server
    return connection as ServerConnection
  }

  get processID(): number {
    return this.#server.processID
  }

  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
  query<Row>(textOrConfig: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    if (this.#isOver)
      return Promise.reject(new ConnectionError('this connection was released', { retryable: false }))
    this.#dirt.look(typeof textOrConfig === 'string' ? textOrConfig : textOrConfig.text)
    return this.#server.query<Row>(textOrConfig as string, values)
  }

  on<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this {
    this.#server.on(event, listener)
    this.#cleanups.push(() => this.#server.off(event, listener))
    return this
  }

  off<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this {
    this.#server.off(event, listener)
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }

  #end(): void {
    this.#isOver = true
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
  }
}
