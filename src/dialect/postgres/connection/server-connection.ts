import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { Deferred } from '../../../base/deferred.js'
import { onAbort } from '../../../base/on-abort.js'
import type { QueryConfig, QueryResult } from '../../queryable.js'
import type { Callback } from './callback.js'
import { requestCancel } from './cancel-request.js'
import { setClientCheck, type ClientCheck } from './client-check.js'
import {
  cancelTargetOf,
  connectClient,
  internalsOf,
  watchReports,
  type ClientInternals,
} from './driver-client.js'
import { hostInWords } from './host.js'
import { OwnParse, SteppedQuery, type Step, type TextRow } from './stepped-query.js'
import { OwnCommand, OwnQuery, type OwnValue, type Prepared } from './own-query.js'
import type { ConnectionEvents, PostgresConnection } from './connection.js'

/** What tells a primary, since PostgreSQL 14. */
const REPORTED = ['in_hot_standby', 'default_transaction_read_only'] as const

type Reported = (typeof REPORTED)[number]

/**
 * The connection itself, over one client of `pg` in pipeline mode. What goes through `query` and `prepared` are statements
 * of our own, and read alike whatever the client was configured with. Borrowers get it wrapped, and their statements are
 * passed on as the client has them.
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
  /** All settings have been reset since the program set its own, if it does so when a connection is opened. */
  hasLostSettings = false
  /**
   * It is being opened, is a lock session, or listens: none of its statements waits in the server for long. When it is given
   * up in the middle of one, that is mostly over before a cancel request arrives, and the server would note in its log that
   * it found nobody.
   */
  isPrompt = true
  /** While a cursor waits for what was sent before it, and others wait behind the cursor. */
  #quiet: Deferred<void> | null = null

  // Not an async method: that is a promise more for every statement of every borrower.
  readonly #answered = <T>(result: T): T => {
    if (--this.#inFlight === 0) this.#quiet?.resolve()
    return result
  }

  readonly #failed = (error: unknown): never => {
    this.#answered(error)
    throw error
  }

  /** The trace then leads to whoever sent the statement, and not to who has read the answer, as with `pg`. */
  readonly #ownFailed = (error: unknown): never => {
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }

  /** Tells this connection from all others, wherever they are. */
  readonly id: string = randomUUID()

  private constructor(client: pg.Client, config: pg.ClientConfig) {
    this.#client = client
    this.#config = config
    this.#reports = watchReports(client, REPORTED)
    // The driver takes it from a dozen places, and enforces it by ending the connection, with every lock on it.
    this.#internals.connectionParameters.query_timeout = 0
    // A dead backend says why, then the socket closes. Without a listener either would end the process.
    client.on('error', (error) => this.#ended(error))
    client.on('end', () => this.#ended(new Error('the connection was closed')))
    // After a crash of another backend the server says good-bye in a notice.
    client.on('notice', (notice) => {
      if (notice.code === '57P02') this.#ended(new Error(notice.message))
    })
  }

  /** The signal ends the attempt, at whatever stage it is. `heard` is called for all that the server says until it lets us in. */
  static async open(
    config: pg.ClientConfig,
    signal: AbortSignal,
    heard: () => void = () => undefined,
  ): Promise<ServerConnection> {
    const client = new pg.Client(config)
    const connection = new ServerConnection(client, config)
    const abort = (): void => connection.destroy()
    const forgetSignal = onAbort(signal, abort)
    try {
      await connectClient(client, heard)
      await connection.setClientCheck()
      connection.isPrompt = false
      return connection
    } catch (error) {
      connection.destroy()
      throw error
    } finally {
      forgetSignal()
    }
  }

  get processID(): number {
    return this.#internals.processID ?? 0
  }

  /** Where it leads to: `host:port`, or the path of a socket. */
  get place(): string {
    return hostInWords(this.#client)
  }

  /** What the server last reported of one of `REPORTED` by itself, or null. */
  reported(name: Reported): string | null {
    return this.#reports.get(name) ?? null
  }

  /** How many statements of ours have been prepared here, as far as the driver knows. */
  get preparedCount(): number {
    const names = Object.keys(this.#internals.connection.parsedStatements)
    return names.filter((name) => name.startsWith('lockpool_')).length
  }

  /** What the server has told of the session behind this connection: no two have ever had the same. Null if it tells nothing. */
  get sessionKey(): string | null {
    const { processID, secretKey } = this.#internals
    return processID === null || secretKey === null ? null : `${processID} ${secretKey}`
  }

  /** Whether a transaction is open, failed or not, by the last answer. */
  get isInTransaction(): boolean {
    const status = this.#client.getTransactionStatus()
    return status === 'T' || status === 'E'
  }

  /** Whether this server can be told to look for its client during a statement. */
  get hasClientCheck(): boolean {
    return this.#clientCheck !== 'none'
  }

  /** Whether it was we who told it to, so that it has to be told again once all settings are reset. */
  get hasSetClientCheck(): boolean {
    return this.#clientCheck === 'ours'
  }

  async setClientCheck(): Promise<void> {
    this.#clientCheck = await setClientCheck(this)
  }

  /** Whether it has ended by itself, or was ended. */
  get hasEnded(): boolean {
    return this.#end !== null
  }

  /** Statements that are not answered yet. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** A statement of ours; of several in one text, the last one answers. What has a config of its own is as that says. */
  query<Row = Record<string, unknown>>(text: string, values?: OwnValue[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
  query<Row>(textOrConfig: string | QueryConfig, values?: OwnValue[]): Promise<QueryResult<Row>> {
    if (typeof textOrConfig !== 'string') return this.relay<Row>(textOrConfig)
    if (this.#quiet !== null) return this.#quiet.promise.then(() => this.query<Row>(textOrConfig, values))
    return this.#own<Row>(OwnQuery, textOrConfig, values)
  }

  /** A borrower's statement. */
  relay<Row>(textOrConfig: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    if (this.#quiet !== null) return this.#quiet.promise.then(() => this.relay<Row>(textOrConfig, values))
    this.#inFlight++
    const answer = this.#send(textOrConfig, values, undefined) as Promise<unknown>
    return answer.then(this.#answered, this.#failed) as Promise<QueryResult<Row>>
  }

  /** As `relay`, for who needs no promise of its own. Called while an answer is read: an error comes before the last word. */
  ask<Row>(
    textOrConfig: string | QueryConfig,
    values: unknown[] | undefined,
    done: Callback<QueryResult<Row>>,
  ): void {
    if (this.#quiet !== null) return void this.#quiet.promise.then(() => this.ask(textOrConfig, values, done))
    this.#inFlight++
    const told = (error: Error | null, result: unknown): void => {
      this.#answered(result)
      done(error, result as QueryResult<Row>)
    }
    this.#send(textOrConfig, values, told)
  }

  /**
   * Sends a cursor, a query stream or the like. These stop between two answers, so nothing may be on the wire before or
   * behind them: from now on statements go one at a time, as `pg` sends them by default, until `comeToRest`.
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
   * Whether nothing is under way, so that the transaction status is the last word. If so, statements are sent as they come
   * again.
   */
  comeToRest(): boolean {
    if (this.#inFlight > 0 || this.#quiet !== null || !this.#internals.readyForQuery) return false
    this.#internals.pipeline = true
    return true
  }

  /** The rows of a statement of ours that is prepared. It waits for no cursor: those who send it have the connection alone. */
  prepared<Row extends pg.QueryResultRow>({ name, text }: Prepared, values: OwnValue[]): Promise<Row[]> {
    this.#inFlight++
    return new Promise((resolve, reject) => {
      const told = (error: Error | undefined, result: pg.ResultBuilder<Row>): void => {
        this.#answered(null)
        if (error) reject(error)
        else resolve(result.rows)
      }
      this.#client.query(new OwnQuery<Row>(text, values, told, name))
    })
  }

  /** As `prepared`, behind other statements in the same transaction. Of those `heard` is told the first row of the first. */
  stepped<Row extends pg.QueryResultRow>(
    steps: readonly Step[],
    statement: Prepared,
    values: OwnValue[],
    heard: (first: TextRow) => void,
  ): Promise<Row[]> {
    for (const step of steps) this.#parse(step.statement)
    this.#parse(statement)
    this.#inFlight++
    return new Promise((resolve, reject) => {
      const told = (error: Error | undefined, result: pg.ResultBuilder<Row>): void => {
        this.#answered(null)
        if (error) reject(error)
        else resolve(result.rows)
      }
      this.#client.query(new SteppedQuery<Row>(steps, statement, values, told, heard))
    })
  }

  /** If it fails, so does what needs it. */
  #parse(statement: Prepared): void {
    if (!OwnParse.isNeeded(statement, this.#internals.connection)) return
    this.#inFlight++
    this.#client.query(new OwnParse(statement, () => this.#answered(null)))
  }

  /** Statements of ours whose answers nobody reads. */
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

  /** Named statements that the driver believes the server to have. */
  get parsedStatements(): number {
    return Object.keys(this.#internals.connection.parsedStatements).length
  }

  /** The server has none of the named statements any more: each is parsed again when it is needed. */
  forgetStatements(): void {
    this.#internals.connection.parsedStatements = {}
  }

  /** Tells once, unless called off; at once if it has ended already. */
  onEnd(listener: (cause: Error) => void): () => void {
    if (this.#end === null) this.#endListeners.add(listener)
    else listener(this.#end)
    return () => void this.#endListeners.delete(listener)
  }

  /** Says good-bye and waits until the server has closed the connection. With a statement under way it can't. */
  async close(): Promise<void> {
    if (this.#isBusy) this.destroy()
    await this.#client.end()
    await this.#canceled
  }

  /** A statement that is under way is canceled: the server would go on with it, and keep its locks, until it is done. */
  destroy(): void {
    const target =
      this.#end === null && this.#canceled === null && this.#isBusy && !this.isPrompt
        ? cancelTargetOf(this.#client, this.#config)
        : null
    this.#internals.connection.stream.destroy()
    if (target !== null) this.#canceled = requestCancel(target)
  }

  /** Settles when the server has been told that what was under way is of no use any more; null if nothing was. */
  get canceled(): Promise<void> | null {
    return this.#canceled
  }

  /** The client of `pg` itself, to be asked, not to be sent anything. */
  get client(): pg.Client {
    return this.#client
  }

  /** Where the driver throws it may have sent some of it: then nobody knows what the next answer belongs to. */
  #send(query: string | QueryConfig, values: unknown[] | undefined, told: unknown): unknown {
    try {
      // The types of `pg` want more than it does.
      return this.#client.query(query as string, values as unknown[], told as (error: Error) => void)
    } catch (error) {
      this.#answered(null)
      this.destroy()
      this.#ended(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  /** Also with a cursor, or something like it, which is not counted. */
  get #isBusy(): boolean {
    return this.#inFlight > 0 || (!this.#client.pipeline && !this.#internals.readyForQuery)
  }

  #own<Row>(Kind: typeof OwnQuery, text: string, values: OwnValue[] | undefined): Promise<QueryResult<Row>> {
    this.#inFlight++
    const answer = new Promise<QueryResult<Row>>((resolve, reject) => {
      const told = (error: Error | undefined, result: unknown): void => {
        // Not a moment later: whose statement is answered next may give the connection back at once.
        this.#answered(null)
        if (error) reject(error)
        else resolve((Array.isArray(result) ? result.at(-1) : result) as QueryResult<Row>)
      }
      this.#client.query(new Kind(text, values, told))
    })
    return answer.catch(this.#ownFailed)
  }

  get #internals(): ClientInternals {
    return internalsOf(this.#client)
  }

  #ended(cause: Error): void {
    if (this.#end !== null) return
    this.#end = cause
    // The server's good-bye may be the last that ever arrives: the close behind it can get lost, and an open socket would
    // keep the process.
    this.destroy()
    const listeners = [...this.#endListeners]
    this.#endListeners.clear()
    for (const listener of listeners) listener(cause)
  }
}
