import { ConnectionError } from '../../base/errors.js'
import type { Lease } from '../../pool/lease.js'
import type { MysqlConnection } from './mysql-connection.js'
import { ServerConnection } from './server-connection.js'

/** A connection as one borrower has it: what it does, and until when. */
export class LeasedConnection implements MysqlConnection, Lease {
  readonly #server: ServerConnection
  readonly #lease: Lease
  #isOver = false

  constructor(server: ServerConnection, lease: Lease) {
    this.#server = server
    this.#lease = lease
  }

  /** The connection beneath, for statements of our own. */
  static serverOf(connection: MysqlConnection): ServerConnection {
    return #server in connection ? connection.#server : (connection as ServerConnection)
  }

  get threadId(): number {
    return this.#server.threadId
  }

  readonly release = (destroy?: boolean | Error): void => {
    this.#isOver = true
    this.#lease.release(destroy)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#lease[Symbol.asyncDispose]()
  }

  readonly query: MysqlConnection['query'] = ((...query: Parameters<MysqlConnection['query']>) =>
    this.#use((server) => server.promised.query(...query))) as MysqlConnection['query']

  readonly execute: MysqlConnection['execute'] = ((...query: Parameters<MysqlConnection['execute']>) =>
    this.#use((server) => server.promised.execute(...query))) as MysqlConnection['execute']

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

  format(sql: string, values?: any): string {
    return this.#server.promised.format(sql, values)
  }

  escape(value: any): string {
    return this.#server.promised.escape(value)
  }

  escapeId(value: any): string {
    return this.#server.promised.escapeId(value)
  }

  #use<T>(work: (server: ServerConnection) => Promise<T>): Promise<T> {
    if (this.#isOver)
      return Promise.reject(new ConnectionError('this connection was released', { retryable: false }))
    this.#server.isUsed = true
    return work(this.#server)
  }
}
