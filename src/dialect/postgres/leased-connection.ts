import pg from 'pg'
import { ConnectionError } from '../../base/errors.js'
import type { Lease } from '../../pool/lease.js'
import type { QueryConfig, QueryResult } from '../queryable.js'
import { tell, type Callback } from './callback.js'
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
  #released: ((destroy: boolean | Error | undefined) => void) | null = null
  #isOver = false

  constructor(server: ServerConnection, lease: Lease, dirt: Dirt) {
    this.#server = server
    this.#dirt = dirt
    this.release = (destroy) => {
      if (this.#isOver) return
      this.#end()
      lease.release(destroy)
      this.#released?.(destroy)
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
  query<Row = Record<string, unknown>>(config: QueryConfig, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row>(text: string | QueryConfig, callback: Callback<QueryResult<Row>>): void
  query<Row>(text: string | QueryConfig, values: unknown[], callback: Callback<QueryResult<Row>>): void
  query<Row>(
    text: string | QueryConfig,
    values?: unknown[] | Callback<QueryResult<Row>>,
    callback?: Callback<QueryResult<Row>>,
  ): Promise<QueryResult<Row>> | void {
    refuseSubmittable(text)
    if (typeof values === 'function') return tell(this.#query<Row>(text), values)
    if (callback !== undefined) return tell(this.#query<Row>(text, values), callback)
    return this.#query<Row>(text, values)
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

  once<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this {
    const told = (what: ConnectionEvents[Name]): void => {
      this.#server.off(event, told)
      listener(what)
    }
    return this.on(event, told)
  }

  removeListener<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this {
    return this.off(event, listener)
  }

  escapeIdentifier(name: string): string {
    return pg.escapeIdentifier(name)
  }

  escapeLiteral(text: string): string {
    return pg.escapeLiteral(text)
  }

  /** For the pool: who is told when the borrower is done. */
  onRelease(listener: (destroy: boolean | Error | undefined) => void): void {
    this.#released = listener
  }

  /** For the pool: who is told when the connection under the lease has ended. */
  onEnd(listener: (cause: Error) => void): void {
    this.#server.onEnd(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }

  #query<Row>(text: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    if (this.#isOver)
      return Promise.reject(new ConnectionError('this connection was released', { retryable: false }))
    this.#dirt.look(typeof text === 'string' ? text : text.text)
    return this.#server.query<Row>(text as string, values)
  }

  #end(): void {
    this.#isOver = true
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
  }
}

/** Cursors and streams hold a connection between two answers, and these connections never stop to wait. */
function refuseSubmittable(query: object | string): void {
  if (typeof query === 'object' && 'submit' in query)
    throw new TypeError('cursors and query streams are not supported: the connection is in pipeline mode')
}
