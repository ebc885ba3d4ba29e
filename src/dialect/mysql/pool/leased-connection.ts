import type { Connection as CallbackConnection } from 'mysql2'
import { ConnectionError } from '../../../base/errors.js'
import type { Lease } from '../../../pool/lease.js'
import type { MysqlConnection } from '../connection/connection.js'
import { ServerConnection } from '../connection/server-connection.js'
import { isNotPrimary } from '../connection/server-errors.js'

/** A word of statements that change the database. A reset does not undo that. */
const MOVES = /\buse\b/i

/**
 * A checked-out connection, in the form of `mysql2/promise`. `query` and `execute` also accept a callback, like those
 * of `mysql2`; on a connection that was passed to a callback they return a command with `stream()` without one. It ends
 * with the checkout.
 */
export class LeasedConnection implements MysqlConnection, Lease {
  readonly #server: ServerConnection
  readonly #lease: Lease
  #isOver = false
  /** Whether `query` and `execute` without a callback return what those of `mysql2` return, which has `stream()`. */
  #hasCommands = false

  /** @internal */
  constructor(server: ServerConnection, lease: Lease) {
    this.#server = server
    this.#lease = lease
  }

  /** @internal The connection below a checkout, for lockpool's own statements. */
  static serverOf(connection: MysqlConnection): ServerConnection {
    return #server in connection ? connection.#server : (connection as ServerConnection)
  }

  /** @internal The form of a connection that `getConnection` of `mysql2` passes to a callback. */
  withCommands(): this {
    this.#hasCommands = true
    return this
  }

  /** The server's id of the session. */
  get threadId(): number {
    return this.#server.threadId
  }

  /** Checks the connection in. With `true` or an error it is closed instead. */
  readonly release = (destroy?: boolean | Error): void => {
    this.#isOver = true
    this.#lease.release(destroy)
  }

  /** Closes the connection, for a borrower that no longer trusts it. */
  destroy(): void {
    this.release(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#lease[Symbol.asyncDispose]()
  }

  /** Runs one statement in the text protocol: the driver inserts the values into the text. */
  readonly query: MysqlConnection['query'] = ((...args: unknown[]) =>
    this.#statement('query', args)) as MysqlConnection['query']

  /** Runs one prepared statement. */
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

  /** Inserts values into a text. */
  format(sql: string, values?: any): string {
    return this.#server.promised.format(sql, values)
  }

  /** Quotes a value for SQL. */
  escape(value: any): string {
    return this.#server.promised.escape(value)
  }

  /** Quotes a name for SQL. */
  escapeId(value: any): string {
    return this.#server.promised.escapeId(value)
  }

  #statement(how: 'query' | 'execute', args: unknown[]): unknown {
    const done = args.at(-1)
    const [what] = args
    const sql = typeof what === 'string' ? what : String((what as { sql?: unknown } | null | undefined)?.sql)
    if (!this.#isOver && MOVES.test(sql)) this.#server.mayHaveMoved = true
    if (typeof done !== 'function' && !this.#hasCommands) {
      return this.#use((server) => (server.promised[how] as (...all: unknown[]) => Promise<unknown>)(...args))
    }
    if (this.#isOver) {
      if (typeof done !== 'function') throw released()
      return process.nextTick(done, released())
    }
    this.#server.isUsed = true
    const raw = this.#server.raw
    return (raw[how] as (...all: unknown[]) => ReturnType<CallbackConnection['query']>)(...args)
  }

  #use<T>(work: (server: ServerConnection) => Promise<T>): Promise<T> {
    if (this.#isOver) return Promise.reject(released())
    this.#server.isUsed = true
    const answer = work(this.#server)
    answer.catch((error: unknown) => {
      if (isNotPrimary(error)) this.#server.isMisplaced = true
    })
    return answer
  }
}

function released(): ConnectionError {
  return new ConnectionError('this connection was released', { retryable: false })
}
