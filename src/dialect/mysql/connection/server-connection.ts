import type { Socket } from 'node:net'
import type { Connection, ConnectionOptions, QueryError } from 'mysql2'
import type { Connection as PromiseConnection } from 'mysql2/promise'
import { Deferred } from '../../../base/deferred.js'
import { onAbort } from '../../../base/on-abort.js'
import type { Driver } from './driver.js'
import type { MysqlConnection } from './connection.js'

/** What statements of ours answer. The program decides whether its driver gives great numbers as texts. */
export type OwnRow = readonly (string | number | null)[]

/** Whatever the program's configuration says of how it wants its own rows. */
const OWN_WAY = {
  rowsAsArray: true,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: (_field: unknown, next: () => unknown) => next(),
} as const

/** How the driver keeps its socket. */
type Internals = Connection & {
  readonly stream: Socket
  readonly _handshakePacket: { readonly serverVersion?: string } | null
}

/**
 * The connection itself, over one of `mysql2`. What goes through `ask` and `say` are statements of our own. Borrowers get it
 * wrapped, and their statements go to `promised` as they are.
 */
export class ServerConnection implements MysqlConnection {
  readonly #connection: Internals
  readonly #promised: PromiseConnection
  readonly #listeners = new Set<(cause: Error) => void>()
  readonly #unanswered = new Set<(error: Error) => void>()
  #end: Error | null = null
  /** What the driver said last before the end. */
  #trouble: Error | null = null
  /** Whether a borrower has sent anything since it was last clean. */
  isUsed = false
  /** Whether it may have been led to another database, which no reset undoes. */
  mayHaveMoved = false

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

  /** Where it leads to: `host:port`, or the path of a socket. */
  get place(): string {
    const { host = 'localhost', port = 3306, socketPath } = this.#connection.config
    return socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  /** By what it said at the handshake. */
  get isMariaDb(): boolean {
    return /mariadb/i.test(this.#connection._handshakePacket?.serverVersion ?? '')
  }

  get hasEnded(): boolean {
    return this.#end !== null
  }

  /** For borrowers who take callbacks. */
  get raw(): Connection {
    return this.#connection
  }

  /** For borrowers. */
  get promised(): PromiseConnection {
    return this.#promised
  }

  /** One statement of ours that answers one row, prepared once for each connection. */
  ask(sql: string, values: readonly (string | number)[]): Promise<OwnRow> {
    return this.#answered<OwnRow[]>((done) =>
      this.#connection.execute({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then((rows) => rows[0]!)
  }

  /** As `ask`, not prepared, and answers all rows: for what is said once, and what can't be prepared. */
  say(sql: string, values: readonly (string | number | null)[] = []): Promise<readonly OwnRow[]> {
    return this.#answered<OwnRow[]>((done) =>
      this.#connection.query({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then((rows) => (Array.isArray(rows) ? rows : []))
  }

  /** A procedure of ours, prepared: the rows that it answers. */
  call(sql: string, values: readonly (string | number | null)[]): Promise<readonly OwnRow[]> {
    return this.#answered<readonly [OwnRow[], unknown]>((done) =>
      this.#connection.execute({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then(([rows]) => rows)
  }

  /** A statement of ours that changes rows: how many it was about. */
  change(sql: string, values: readonly (string | number | null)[]): Promise<number> {
    return this.#answered<{ readonly affectedRows: number }>((done) =>
      this.#connection.query({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then(({ affectedRows }) => affectedRows)
  }

  ping(): Promise<void> {
    return this.#answered((done) => this.#connection.ping(done))
  }

  /**
   * COM_RESET_CONNECTION: rolls back, gives named locks and table locks up, drops temporary tables and prepared statements,
   * and sets all variables of the session to what they were at its beginning.
   */
  reset(): Promise<void> {
    return this.#answered((done) => this.#connection.reset(done))
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

  /**
   * At once, without a word to the server. Not by the driver's own `destroy`, which leaves statements that are under way
   * without an answer for ever.
   */
  destroy(): void {
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

  /** The driver leaves some statements without an answer when the connection ends. */
  #answered<T>(start: (done: (error: QueryError | null, result?: T) => void) => void): Promise<T> {
    if (this.#end !== null) return Promise.reject(this.#end)
    return new Promise((resolve, reject) => {
      this.#unanswered.add(reject)
      start((error, result) => {
        this.#unanswered.delete(reject)
        if (error) reject(error)
        else resolve(result as T)
      })
    })
  }

  #ended(cause: Error): void {
    if (this.#end !== null) return
    this.#end = cause
    for (const ended of [...this.#listeners]) ended(cause)
    this.#listeners.clear()
    for (const reject of this.#unanswered) reject(cause)
    this.#unanswered.clear()
  }
}
