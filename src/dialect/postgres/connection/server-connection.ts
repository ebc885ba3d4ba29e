import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { Deferred } from '../../../base/deferred.js'
import { onAbort } from '../../../base/on-abort.js'
import type { QueryConfig, QueryResult } from '../../queryable.js'
import type { Callback } from '../../callback.js'
import { requestCancel } from './cancel-request.js'
import { setClientCheck, type ClientCheck } from './client-check.js'
import {
  cancelTargetOf,
  connectClient,
  internalsOf,
  watchCommands,
  watchReports,
  type ClientInternals,
  type CompletedCommands,
} from './driver-client.js'
import { hostInWords } from './host.js'
import { isDsqlHost, isPortable } from './portable.js'
import { OwnParse, SteppedQuery, type Step, type TextRow } from './stepped-query.js'
import { OwnCommand, OwnQuery, type OwnValue, type Prepared } from './own-query.js'
import type { ConnectionEvents, PostgresConnection } from './connection.js'

/**
 * Settings that PostgreSQL reports by itself since version 14, which tell a primary from a standby, and one that only
 * CockroachDB reports.
 */
const REPORTED = ['in_hot_standby', 'default_transaction_read_only', 'crdb_version'] as const

type Reported = (typeof REPORTED)[number]

/**
 * One connection, through one client of `pg` in pipeline mode. `query` and `prepared` send our own statements; their
 * answers are parsed in the same way, whatever the client's configuration is. Borrowers get a wrapper of this
 * connection. Their statements go through `relay`, `ask` and `submit`, with the client's configuration.
 */
export class ServerConnection implements PostgresConnection {
  readonly #client: pg.Client
  readonly #endListeners = new Set<(cause: Error) => void>()
  readonly #config: pg.ClientConfig
  readonly #reports: ReadonlyMap<string, string>
  #inFlight = 0
  #end: Error | null = null
  #canceled: Promise<void> | null = null
  #clientCheck: ClientCheck = 'none'
  /** True if the program sets its own settings when a connection opens, and all settings have been reset since then. */
  hasLostSettings = false
  /**
   * True while the connection is opening, is a lock session, or listens: then none of its statements waits in the
   * server for long. If such a connection is closed during a statement, no cancel request is sent. The statement would
   * mostly be over before the request arrives, and the server would log that it found no such session.
   */
  isPrompt = true
  /** Set while a cursor waits for the answers of earlier statements. Other statements wait behind the cursor. */
  #quiet: Deferred<void> | null = null

  // These are not async methods: those would create one more promise for every statement of a borrower.
  readonly #answered = <T>(result: T): T => {
    if (--this.#inFlight === 0) this.#quiet?.resolve()
    return result
  }

  readonly #failed = (error: unknown): never => {
    this.#answered(error)
    throw error
  }

  /**
   * Makes the stack trace lead to the sender of the statement, as with `pg`, and not to the code that read the answer.
   */
  readonly #ownFailed = (error: unknown): never => {
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }

  /** A globally unique id of this connection. */
  readonly id: string = randomUUID()

  private constructor(client: pg.Client, config: pg.ClientConfig) {
    this.#client = client
    this.#config = config
    this.#reports = watchReports(client, REPORTED)
    // The driver can get this timeout from many places, and enforces it by ending the connection, with every lock on
    // it.
    this.#internals.connectionParameters.query_timeout = 0
    // When a backend dies, the server sends an error, then the socket closes. Without listeners, either event would end
    // the process.
    client.on('error', (error) => this.#ended(error))
    client.on('end', () => this.#ended(new Error('the connection was closed')))
    // After a crash of another backend, the server announces the end of the session with a notice.
    client.on('notice', (notice) => {
      if (notice.code === '57P02') this.#ended(new Error(notice.message))
    })
  }

  /**
   * Opens a connection. An abort of the signal ends the attempt at any stage. `onFirstRow` is called for every piece of data
   * until the login is complete.
   */
  static async open(
    config: pg.ClientConfig,
    signal: AbortSignal,
    onFirstRow: () => void = () => undefined,
  ): Promise<ServerConnection> {
    const client = new pg.Client(config)
    const connection = new ServerConnection(client, config)
    const abort = (): void => connection.destroy()
    const unsubscribe = onAbort(signal, abort)
    try {
      await connectClient(client, onFirstRow)
      await connection.setClientCheck()
      connection.isPrompt = false
      return connection
    } catch (error) {
      connection.destroy()
      throw error
    } finally {
      unsubscribe()
    }
  }

  get processID(): number {
    return this.#internals.processID ?? 0
  }

  /** Where the connection leads: `host:port`, or the path of a socket. */
  get place(): string {
    return hostInWords(this.#client)
  }

  /** Whether only the common part of PostgreSQL's SQL may be sent, which distributed engines document. */
  get isPortable(): boolean {
    return isPortable(this.#config) || this.#reports.has('crdb_version') || isDsqlHost(this.#client.host)
  }

  /** Whether there is a documented statement that resets a session. */
  get canBeReset(): boolean {
    return !isDsqlHost(this.#client.host)
  }

  /** The last value that the server reported for one of `REPORTED`, or null. */
  reported(name: Reported): string | null {
    return this.#reports.get(name) ?? null
  }

  /** The number of our statements that are prepared on this connection, as far as the driver knows. */
  get preparedCount(): number {
    const names = Object.keys(this.#internals.connection.parsedStatements)
    return names.filter((name) => name.startsWith('lockpool_')).length
  }

  /**
   * The process id and secret key that the server announced at login. No two sessions have the same pair. Null if the
   * server announced none.
   */
  get sessionKey(): string | null {
    const { processID, secretKey } = this.#internals
    return processID === null || secretKey === null ? null : `${processID} ${secretKey}`
  }

  /** Whether a transaction is open, failed or not, according to the last answer. */
  get isInTransaction(): boolean {
    const status = this.#client.getTransactionStatus()
    return status === 'T' || status === 'E'
  }

  /** Records the commands that the server completes, until `stop`. */
  watchCommands(): CompletedCommands {
    return watchCommands(this.#client)
  }

  /** Whether this server can check for its client during a statement. */
  get hasClientCheck(): boolean {
    return this.#clientCheck !== 'none'
  }

  /** Whether we enabled the client check. If so, it must be enabled again after a reset of all settings. */
  get hasSetClientCheck(): boolean {
    return this.#clientCheck === 'ours'
  }

  async setClientCheck(): Promise<void> {
    this.#clientCheck = this.isPortable ? 'none' : await setClientCheck(this)
  }

  get hasEnded(): boolean {
    return this.#end !== null
  }

  /** The number of statements that have no answer yet. */
  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * Sends a statement of ours. If the text has several statements, the result is that of the last one. A statement with
   * a config object is sent as a borrower's statement.
   */
  query<Row = Record<string, unknown>>(text: string, values?: OwnValue[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
  query<Row>(textOrConfig: string | QueryConfig, values?: OwnValue[]): Promise<QueryResult<Row>> {
    if (typeof textOrConfig !== 'string') return this.relay<Row>(textOrConfig)
    if (this.#quiet !== null) return this.#quiet.promise.then(() => this.query<Row>(textOrConfig, values))
    return this.#own<Row>(OwnQuery, textOrConfig, values)
  }

  /** Sends a borrower's statement. */
  relay<Row>(textOrConfig: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    if (this.#quiet !== null) return this.#quiet.promise.then(() => this.relay<Row>(textOrConfig, values))
    this.#inFlight++
    const answer = this.#send(textOrConfig, values, undefined) as Promise<unknown>
    return answer.then(this.#answered, this.#failed) as Promise<QueryResult<Row>>
  }

  /**
   * Does the same as `relay` with a callback instead of a promise. The callback runs while the answer is read: for an
   * error, that is before the answer is complete.
   */
  ask<Row>(
    textOrConfig: string | QueryConfig,
    values: unknown[] | undefined,
    done: Callback<QueryResult<Row>>,
  ): void {
    if (this.#quiet !== null) return void this.#quiet.promise.then(() => this.ask(textOrConfig, values, done))
    this.#inFlight++
    const answered = (error: Error | null, result: unknown): void => {
      this.#answered(result)
      done(error, result as QueryResult<Row>)
    }
    this.#send(textOrConfig, values, answered)
  }

  /**
   * Sends a cursor, a query stream or a similar object. Such objects pause in the middle of an answer, so no other
   * statement may be on the wire before or after them. From now on statements go one at a time, as `pg` sends them by
   * default, until `comeToRest`.
   */
  submit(query: pg.Submittable, ...callback: unknown[]): void {
    const send = (): void => {
      this.#internals.pipeline = false
      ;(this.#client.query as (...args: unknown[]) => unknown)(query, ...callback)
    }
    if (this.#inFlight === 0 && this.#quiet === null) return send()
    const quiet = (this.#quiet ??= new Deferred())
    void quiet.promise.then(() => {
      this.#quiet = null
      send()
    })
  }

  /**
   * Returns true if no statement is running, so that the transaction status is final. In that case it also switches
   * back to pipeline mode.
   */
  comeToRest(): boolean {
    if (this.#inFlight > 0 || this.#quiet !== null || !this.#internals.readyForQuery) return false
    this.#internals.pipeline = true
    return true
  }

  /**
   * Runs a prepared statement of ours and returns its rows. It does not wait for a cursor: callers of this method are
   * the only users of the connection.
   */
  prepared<Row extends pg.QueryResultRow>({ name, text }: Prepared, values: OwnValue[]): Promise<Row[]> {
    this.#inFlight++
    return new Promise((resolve, reject) => {
      const answered = (error: Error | undefined, result: pg.ResultBuilder<Row>): void => {
        this.#answered(null)
        if (error) reject(error)
        else resolve(result.rows)
      }
      this.#client.query(new OwnQuery<Row>(text, values, answered, name))
    })
  }

  /**
   * Does the same as `prepared`, after other statements in the same transaction. `onFirstRow` gets the first row of the
   * first of those.
   */
  stepped<Row extends pg.QueryResultRow>(
    steps: readonly Step[],
    statement: Prepared,
    values: OwnValue[],
    onFirstRow: (first: TextRow) => void,
  ): Promise<Row[]> {
    for (const step of steps) this.#parse(step.statement)
    this.#parse(statement)
    this.#inFlight++
    return new Promise((resolve, reject) => {
      const answered = (error: Error | undefined, result: pg.ResultBuilder<Row>): void => {
        this.#answered(null)
        if (error) reject(error)
        else resolve(result.rows)
      }
      this.#client.query(new SteppedQuery<Row>(steps, statement, values, answered, onFirstRow))
    })
  }

  /** A failure is not handled here, because the statement that needs it fails too. */
  #parse(statement: Prepared): void {
    if (!OwnParse.isNeeded(statement, this.#internals.connection)) return
    this.#inFlight++
    this.#client.query(new OwnParse(statement, () => this.#answered(null)))
  }

  /** Sends statements of ours whose answers are not read. */
  command(text: string): Promise<unknown> {
    return this.#own(OwnCommand, text, undefined)
  }

  on<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this {
    this.#client.on(event as 'notice', listener as (event: unknown) => void)
    return this
  }

  off<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this {
    this.#client.off(event, listener as (event: unknown) => void)
    return this
  }

  /** The number of named statements that the server has, as far as the driver knows. */
  get parsedStatements(): number {
    return Object.keys(this.#internals.connection.parsedStatements).length
  }

  /**
   * Makes the driver parse each named statement again before its next use, because the server has dropped all of them.
   */
  forgetStatements(): void {
    this.#internals.connection.parsedStatements = {}
  }

  /**
   * Calls the listener once, when the connection ends, or at once if it has ended. Returns a function that removes the
   * listener.
   */
  onEnd(listener: (cause: Error) => void): () => void {
    if (this.#end === null) this.#endListeners.add(listener)
    else listener(this.#end)
    return () => void this.#endListeners.delete(listener)
  }

  /**
   * Closes the connection in an orderly way and waits until the server has closed it. While a statement runs, it
   * destroys the connection instead.
   */
  async close(): Promise<void> {
    if (this.#isBusy) this.destroy()
    await this.#client.end()
    await this.#canceled
  }

  /**
   * Closes the socket at once. If a statement is running, it is canceled: otherwise the server would finish it first,
   * and keep its locks until then.
   */
  destroy(): void {
    const target =
      this.#end === null && this.#canceled === null && this.#isBusy && !this.isPrompt && !this.isPortable
        ? cancelTargetOf(this.#client, this.#config)
        : null
    this.#internals.connection.stream.destroy()
    if (target !== null) this.#canceled = requestCancel(target)
  }

  /**
   * Resolves when the server has received the cancel request for the running statement. Null if no request was
   * necessary.
   */
  get canceled(): Promise<void> | null {
    return this.#canceled
  }

  /** The client of `pg`, for reading its properties. Nothing may be sent through it. */
  get client(): pg.Client {
    return this.#client
  }

  /**
   * If the driver throws, it may have sent a part of the statement. Then no later answer can be matched with its
   * statement, so the connection is destroyed.
   */
  #send(query: string | QueryConfig, values: unknown[] | undefined, answered: unknown): unknown {
    try {
      // The types of `pg` are stricter than its code.
      return this.#client.query(query as string, values as unknown[], answered as (error: Error) => void)
    } catch (error) {
      this.#answered(null)
      this.destroy()
      this.#ended(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  /** Also covers cursors and similar objects, which `#inFlight` does not count. */
  get #isBusy(): boolean {
    return this.#inFlight > 0 || (!this.#client.pipeline && !this.#internals.readyForQuery)
  }

  #own<Row>(Kind: typeof OwnQuery, text: string, values: OwnValue[] | undefined): Promise<QueryResult<Row>> {
    this.#inFlight++
    const answer = new Promise<QueryResult<Row>>((resolve, reject) => {
      const answered = (error: Error | undefined, result: unknown): void => {
        // Decrements the counter before the promise settles: the borrower may check the connection in as soon as it has
        // the answer.
        this.#answered(null)
        if (error) reject(error)
        else resolve((Array.isArray(result) ? result.at(-1) : result) as QueryResult<Row>)
      }
      this.#client.query(new Kind(text, values, answered))
    })
    return answer.catch(this.#ownFailed)
  }

  get #internals(): ClientInternals {
    return internalsOf(this.#client)
  }

  #ended(cause: Error): void {
    if (this.#end !== null) return
    this.#end = cause
    // This error may be the last thing that ever arrives. If the server's FIN gets lost, an open socket would keep the
    // process alive.
    this.destroy()
    const listeners = [...this.#endListeners]
    this.#endListeners.clear()
    for (const listener of listeners) listener(cause)
  }
}
