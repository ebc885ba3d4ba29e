import type { Connection as CallbackConnection } from 'mysql2'
import { ConnectionError } from '../../../base/errors.js'
import type { Lease } from '../../../pool/lease.js'
import type { MysqlConnection } from '../connection/connection.js'
import { ServerConnection } from '../connection/server-connection.js'

/** Takes part in a statement that leads to another database: that is not undone by a reset. */
const MOVES = /\buse\b/i

/**
 * A connection as one borrower has it: what it does, and until when. As a connection of `mysql2/promise`; `query` and
 * `execute` also take a callback, as those of `mysql2` do.
 */
export class LeasedConnection implements MysqlConnection, Lease {
  readonly #server: ServerConnection
  readonly #lease: Lease
  #isOver = false

  /** @internal */
  constructor(server: ServerConnection, lease: Lease) {
    this.#server = server
    this.#lease = lease
  }

  /** @internal The connection beneath, for statements of our own. */
  static serverOf(connection: MysqlConnection): ServerConnection {
    return #server in connection ? connection.#server : (connection as ServerConnection)
  }

  /** What the server calls the session. */
  get threadId(): number {
    return this.#server.threadId
  }

  /** Gives the connection back; with `true` or an error it is closed instead. */
  readonly release = (destroy?: boolean | Error): void => {
    this.#isOver = true
    this.#lease.release(destroy)
  }

  /** Closes it, for a borrower who does not trust it any more. */
  destroy(): void {
    this.release(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#lease[Symbol.asyncDispose]()
  }

  /** One statement in the text protocol: values are written into it by the driver. */
  readonly query: MysqlConnection['query'] = ((...args: unknown[]) =>
    this.#statement('query', args)) as MysqlConnection['query']

  /** One prepared statement. */
  readonly execute: MysqlConnection['execute'] = ((...args: unknown[]) =>
    this.#statement('execute', args)) as MysqlConnection['execute']

  beginTransaction(): Promise<void> {
    return this.#use((server) => server.promised.beginTransaction())
  }

  commit(): Promise<void> {
    return this.#use((server) => server.promised.commit())
  }

  rollback(): Promise<void> {
    return this.#use((server) => server.promised.rollback())
  }

  ping(): Promise<void> {
    return this.#use((server) => server.promised.ping())
  }

  /** Writes values into a text. */
  format(sql: string, values?: any): string {
    return this.#server.promised.format(sql, values)
  }

  /** A value as it is written in SQL. */
  escape(value: any): string {
    return this.#server.promised.escape(value)
  }

  /** A name as it is written in SQL. */
  escapeId(value: any): string {
    return this.#server.promised.escapeId(value)
  }

  #statement(how: 'query' | 'execute', args: unknown[]): unknown {
    const done = args.at(-1)
    const [what] = args
    const sql = typeof what === 'string' ? what : String((what as { sql?: unknown } | null | undefined)?.sql)
    if (!this.#isOver && MOVES.test(sql)) this.#server.mayHaveMoved = true
    if (typeof done !== 'function') {
      return this.#use((server) => (server.promised[how] as (...all: unknown[]) => Promise<unknown>)(...args))
    }
    if (this.#isOver) return process.nextTick(done, released())
    this.#server.isUsed = true
    const raw = this.#server.raw
    return (raw[how] as (...all: unknown[]) => ReturnType<CallbackConnection['query']>)(...args)
  }

  #use<T>(work: (server: ServerConnection) => Promise<T>): Promise<T> {
    if (this.#isOver) return Promise.reject(released())
    this.#server.isUsed = true
    return work(this.#server)
  }
}

function released(): ConnectionError {
  return new ConnectionError('this connection was released', { retryable: false })
}
