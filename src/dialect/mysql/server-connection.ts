import type { Socket } from 'node:net'
import type { Connection, ConnectionOptions, QueryError } from 'mysql2'
import type { Connection as PromiseConnection } from 'mysql2/promise'
import { Deferred } from '../../base/deferred.js'
import { onAbort } from '../../base/on-abort.js'
import type { Driver } from './driver.js'
import type { MysqlConnection } from './mysql-connection.js'

/** What statements of ours answer: every column is a text, a number or null. */
export type OwnRow = readonly (string | number | null)[]

/** Whatever the program's configuration says of how it wants its own rows. */
const OWN_WAY = { rowsAsArray: true, nestTables: false, namedPlaceholders: false, typeCast: true } as const

/** How the driver keeps its socket. */
type Internals = Connection & { readonly stream: Socket }

/**
 * The connection itself, over one of `mysql2`. What goes through `ask` and `say` are statements of our own. Borrowers get it
 * wrapped, and their statements go to `promised` as they are.
 */
export class ServerConnection implements MysqlConnection {
  readonly #connection: Internals
  readonly #promised: PromiseConnection
  readonly #listeners = new Set<(cause: Error) => void>()
  #end: Error | null = null
  /** What the driver said last before the end. */
  #trouble: Error | null = null
  /** Whether a borrower has sent anything since it was last clean. */
  isUsed = false

  private constructor(connection: Connection) {
    this.#connection = connection as Internals
    this.#promised = connection.promise()
    // Without a listener it would end the process. The socket closes right behind it.
    connection.on('error', (error: Error) => (this.#trouble ??= error))
    this.#connection.stream.on('close', () =>
      this.#ended(this.#trouble ?? new Error('the connection was closed')),
    )
  }

  /** The signal ends the attempt, at whatever stage it is. */
  static async open(
    driver: Driver,
    config: ConnectionOptions,
    signal: AbortSignal,
  ): Promise<ServerConnection> {
    const connection = driver.createConnection(config)
    const server = new ServerConnection(connection)
    const opened = new Deferred<void>()
    connection.once('connect', () => opened.resolve())
    connection.once('error', (error: Error) => opened.reject(error))
    server.#connection.stream.once('close', () =>
      opened.reject(server.#trouble ?? new Error('the server hung up')),
    )
    const forget = onAbort(signal, () => opened.reject(signal.reason as Error))
    try {
      await opened.promise
      return server
    } catch (error) {
      server.destroy()
      throw error
    } finally {
      forget()
    }
  }

  /** What the server called the session at the handshake. */
  get threadId(): number {
    return this.#connection.threadId
  }

  get hasEnded(): boolean {
    return this.#end !== null
  }

  /** For borrowers. */
  get promised(): PromiseConnection {
    return this.#promised
  }

  /** One statement of ours that answers one row, prepared once for each connection. */
  ask(sql: string, values: readonly (string | number)[]): Promise<OwnRow> {
    return new Promise((resolve, reject) => {
      const done = (error: QueryError | null, rows: unknown): void => {
        if (error !== null) reject(error)
        else resolve((rows as OwnRow[])[0]!)
      }
      this.#connection.execute({ sql, ...OWN_WAY } as never, values as (string | number)[], done)
    })
  }

  /** As `ask`, not prepared, and answers all rows: for what is said once, and what can't be prepared. */
  say(sql: string, values: readonly (string | number | null)[] = []): Promise<readonly OwnRow[]> {
    return new Promise((resolve, reject) => {
      const done = (error: QueryError | null, rows: unknown): void => {
        if (error !== null) reject(error)
        else resolve(Array.isArray(rows) ? (rows as OwnRow[]) : [])
      }
      this.#connection.query({ sql, ...OWN_WAY } as never, values as (string | number)[], done)
    })
  }

  ping(): Promise<void> {
    return this.#settled((done) => this.#connection.ping(done))
  }

  /**
   * COM_RESET_CONNECTION: rolls back, gives named locks and table locks up, drops temporary tables and prepared statements,
   * and sets all variables of the session to what they were at its beginning.
   */
  reset(): Promise<void> {
    return this.#settled((done) => this.#connection.reset(done))
  }

  /** Tells once that it has ended. Answers how not to be told. */
  onEnd(ended: (cause: Error) => void): () => void {
    if (this.#end !== null) ended(this.#end)
    else this.#listeners.add(ended)
    return () => void this.#listeners.delete(ended)
  }

  /** Takes leave, and resolves when the server has closed. */
  async close(): Promise<void> {
    if (this.#end !== null) return
    const gone = new Deferred<void>()
    this.onEnd(() => gone.resolve())
    this.#connection.end()
    await gone.promise
  }

  /** At once, without a word to the server. */
  destroy(): void {
    this.#connection.destroy()
    this.#connection.stream.destroy()
  }

  /** Whether it keeps the process from ending. */
  keepProcess(isKept: boolean): void {
    if (isKept) this.#connection.stream.ref()
    else this.#connection.stream.unref()
  }

  readonly query: MysqlConnection['query'] = ((...query: Parameters<PromiseConnection['query']>) =>
    this.#promised.query(...query)) as MysqlConnection['query']

  readonly execute: MysqlConnection['execute'] = ((...query: Parameters<PromiseConnection['execute']>) =>
    this.#promised.execute(...query)) as MysqlConnection['execute']

  beginTransaction(): Promise<void> {
    return this.#promised.beginTransaction()
  }

  commit(): Promise<void> {
    return this.#promised.commit()
  }

  rollback(): Promise<void> {
    return this.#promised.rollback()
  }

  format(sql: string, values?: any): string {
    return this.#connection.format(sql, values)
  }

  escape(value: any): string {
    return this.#connection.escape(value)
  }

  escapeId(value: any): string {
    return this.#connection.escapeId(value)
  }

  #settled(start: (done: (error: QueryError | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      start((error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }

  #ended(cause: Error): void {
    if (this.#end !== null) return
    this.#end = cause
    for (const ended of [...this.#listeners]) ended(cause)
    this.#listeners.clear()
  }
}
