import type { Socket } from 'node:net'
import type { Connection, ConnectionOptions, QueryError } from 'mysql2'
import type { Connection as PromiseConnection } from 'mysql2/promise'
import { Deferred } from '../../../base/deferred.js'
import { onAbort } from '../../../base/on-abort.js'
import type { Driver } from './driver.js'
import type { MysqlConnection } from './connection.js'
import { WHICH_SERVER } from './session-sql.js'
import { STATUS } from './transaction-sql.js'

/** A row of a statement of ours. The program's configuration decides whether large numbers are texts. */
export type OwnRow = readonly (string | number | null)[]

/** A row with the names of its columns, for statements whose columns depend on the version. */
export type OwnRecord = Readonly<Record<string, string | number | null>>

/** Settings of lockpool's own statements. They override the program's configuration of rows. */
const OWN_WAY = {
  rowsAsArray: true,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: (_field: unknown, next: () => unknown) => next(),
} as const

/** The bit in the flags of a connection that means that a text may have several statements. */
const MULTI_STATEMENTS = 1 << 16

/** The bit in the status of an answer that means that a transaction is open. */
export const IN_TRANSACTION = 1

/** Members of the driver that its types leave out. */
type Internals = Connection & {
  readonly stream: Socket
  readonly config: { readonly clientFlags: number }
  readonly _handshakePacket: { readonly serverVersion?: string } | null
  /** The command that the server is working on. */
  readonly _command: object | null | undefined
}

/**
 * One connection, through one of `mysql2`. `ask`, `say`, `call` and `change` send our own statements. Borrowers get a
 * wrapper, and their statements go to `promised` unchanged.
 */
export class ServerConnection implements MysqlConnection {
  /** The settings that it was opened with. */
  readonly config: ConnectionOptions
  readonly #connection: Internals
  readonly #promised: PromiseConnection
  readonly #listeners = new Set<(cause: Error) => void>()
  readonly #unanswered = new Set<(error: Error) => void>()
  #end: Error | null = null
  /** The last error that the driver reported before the end. */
  #trouble: Error | null = null
  /** Whether a borrower has sent anything since the last reset. */
  isUsed = false
  /** Whether a statement may have changed the database, which a reset does not undo. */
  mayHaveMoved = false
  /** True for a lock session and for a connection that listens: none of their statements waits for long. */
  isPrompt = false
  /** Whether a borrower's statement has shown that this server is not, or no longer, the primary. */
  isMisplaced = false
  #server: string | null = null

  private constructor(connection: Connection, config: ConnectionOptions) {
    this.config = config
    this.#connection = connection as Internals
    this.#promised = connection.promise()
    // Without a listener, the event would end the process. The socket closes right after it.
    connection.on('error', (error: Error) => (this.#trouble ??= error))
    this.#connection.stream.on('close', () =>
      this.#ended(this.#trouble ?? new Error('the connection was closed')),
    )
  }

  /**
   * Opens a connection. An abort of the signal ends the attempt at any stage. `heard` is called when the server sends
   * data.
   */
  static async open(
    driver: Driver,
    config: ConnectionOptions,
    signal: AbortSignal,
    heard: () => void = () => undefined,
  ): Promise<ServerConnection> {
    const connection = driver.createConnection(config)
    const server = new ServerConnection(connection, config)
    const opened = new Deferred<void>()
    connection.once('connect', () => opened.resolve())
    connection.once('error', (error: Error) => opened.reject(error))
    server.#connection.stream.once('close', () =>
      opened.reject(server.#trouble ?? new Error('the server hung up')),
    )
    const { stream } = server.#connection
    stream.on('data', heard)
    const unsubscribe = onAbort(signal, () => opened.reject(signal.reason as Error))
    try {
      await opened.promise
      return server
    } catch (error) {
      server.destroy()
      throw error
    } finally {
      stream.off('data', heard)
      unsubscribe()
    }
  }

  /** The id of the session that the server announced at the handshake. */
  get threadId(): number {
    return this.#connection.threadId
  }

  /** Identifies the server, once `findServer` has found it. Null if a proxy may pass statements to several sessions. */
  get server(): string | null {
    return this.#server
  }

  /** Whether a statement is under way. */
  get isBusy(): boolean {
    return this.#end === null && Boolean(this.#connection._command)
  }

  /** Where the connection leads: `host:port`, or the path of a socket. */
  get place(): string {
    const { host = 'localhost', port = 3306, socketPath } = this.#connection.config
    return socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  /** According to the version in the handshake. */
  get isMariaDb(): boolean {
    return /mariadb/i.test(this.#connection._handshakePacket?.serverVersion ?? '')
  }

  /** Whether the program has configured that a text may have several statements. */
  get takesSeveralStatements(): boolean {
    return (this.#connection.config.clientFlags & MULTI_STATEMENTS) !== 0
  }

  get hasEnded(): boolean {
    return this.#end !== null
  }

  /** For borrowers that use callbacks. */
  get raw(): Connection {
    return this.#connection
  }

  /** For borrowers. */
  get promised(): PromiseConnection {
    return this.#promised
  }

  /** Runs a statement of ours that returns one row. It is prepared once for each connection. */
  ask(sql: string, values: readonly (string | number)[]): Promise<OwnRow> {
    return this.#answered<OwnRow[]>((done) =>
      this.#connection.execute({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then((rows) => rows[0]!)
  }

  /**
   * Runs a statement of ours without preparing it, and returns all rows. For rare statements, and for those that can't
   * be prepared.
   */
  say(sql: string, values: readonly (string | number | null)[] = []): Promise<readonly OwnRow[]> {
    return this.#answered<OwnRow[]>((done) =>
      this.#connection.query({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then((rows) => (Array.isArray(rows) ? rows : []))
  }

  /** Does the same with the names of the columns. */
  records(sql: string): Promise<readonly OwnRecord[]> {
    const way = { ...OWN_WAY, rowsAsArray: false }
    return this.#answered<OwnRecord[]>((done) =>
      this.#connection.query({ sql, ...way } as never, done as never),
    )
  }

  /** Calls a procedure of ours, prepared, and returns its rows. */
  call(sql: string, values: readonly (string | number | null)[]): Promise<readonly OwnRow[]> {
    return this.#answered<readonly [OwnRow[], unknown]>((done) =>
      this.#connection.execute({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then(([rows]) => rows)
  }

  /** Runs a statement of ours that changes rows, and returns their number. */
  change(sql: string, values: readonly (string | number | null)[]): Promise<number> {
    return this.#answered<{ readonly affectedRows: number }>((done) =>
      this.#connection.query({ sql, ...OWN_WAY } as never, values as (string | number)[], done as never),
    ).then(({ affectedRows }) => affectedRows)
  }

  /** By the status that comes with every answer. */
  isInTransaction(): Promise<boolean> {
    return this.#answered<{ readonly serverStatus: number }>((done) =>
      this.#connection.query({ sql: STATUS, ...OWN_WAY } as never, done as never),
    ).then(({ serverStatus }) => (serverStatus & IN_TRANSACTION) !== 0)
  }

  /** Finds out which server this is. A server that does not say is not an error. */
  async findServer(): Promise<void> {
    try {
      const [server, id] = (await this.say(WHICH_SERVER))[0]!
      if (Number(id) === this.threadId) this.#server = String(server)
    } catch (error) {
      if (this.#end !== null) throw error
    }
  }

  ping(): Promise<void> {
    return this.#answered((done) => this.#connection.ping(done))
  }

  /**
   * COM_RESET_CONNECTION: rolls back, releases named locks and table locks, drops temporary tables and prepared
   * statements, and resets all session variables to their initial values.
   */
  reset(): Promise<void> {
    return this.#answered((done) => this.#connection.reset(done))
  }

  /** Calls `ended` once, when the connection ends, or at once if it has ended. Returns a function that unsubscribes. */
  onEnd(ended: (cause: Error) => void): () => void {
    if (this.#end !== null) ended(this.#end)
    else this.#listeners.add(ended)
    return () => void this.#listeners.delete(ended)
  }

  /** Closes the connection in an orderly way, and resolves when the server has closed it. */
  async close(): Promise<void> {
    if (this.#end !== null) return
    const gone = new Deferred<void>()
    this.onEnd(() => gone.resolve())
    this.#connection.end()
    await gone.promise
  }

  /**
   * Closes the socket at once, without a message to the server. The driver's own `destroy` is not used, because it
   * leaves running statements without an answer forever.
   */
  destroy(): void {
    this.#connection.stream.destroy()
  }

  /** Sets whether the open socket keeps the process alive. */
  setKeepsProcess(isKept: boolean): void {
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

  /** Rejects a statement when the connection ends, because the driver leaves some statements without an answer. */
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
