import { EventEmitter } from 'node:events'
import pg from 'pg'
import { ConnectionError } from '../../../base/errors.js'
import type { Lease } from '../../../pool/lease.js'
import type { Queryable, QueryConfig, QueryResult } from '../../queryable.js'
import { callBack, type Callback } from '../../callback.js'
import { SessionState } from '../reset/session-state.js'
import { preparedText } from '../connection/driver-client.js'
import { Forwarding } from './event-forwarding.js'
import type { ConnectionEvents, PostgresConnection } from '../connection/connection.js'
import { Reach } from '../reset/reach.js'
import { released, releasedTwice } from './released-errors.js'
import { ServerConnection } from '../connection/server-connection.js'

/** The type of listeners in Node's own types. */
type AnyListener = (...args: any[]) => void

/** The parsers of types by oid. `pg` declares oids as enums; plain numbers are enough here. */
interface Parsers {
  getTypeParser(oid: number, format?: string): (value: any) => any
  setTypeParser(oid: number, ...parser: unknown[]): void
}

/**
 * A checked-out connection, usable wherever a client of `pg` is. It ends with the checkout: a borrower that keeps it longer
 * gets an error, and cannot disturb the next borrower.
 */
export class LeasedConnection extends EventEmitter implements PostgresConnection, Lease, pg.PoolClient {
  /**
   * Checks the connection in. With `true` or an error it is closed instead, because the borrower no longer trusts it. A second
   * call throws if another borrower has the connection by then, because that is a bug in the program. If the connection was
   * closed or has ended by itself, a second call does nothing, because several parts of a program may want to close it.
   */
  readonly release: (destroy?: unknown) => void
  /** Members that the types of `pg` declare. `pg` itself lacks them, or a borrower must not use them. */
  declare readonly copyFrom: never
  declare readonly copyTo: never
  declare readonly pauseDrain: never
  declare readonly resumeDrain: never
  declare readonly connection: never
  readonly #server: ServerConnection
  readonly #state: SessionState
  /** These two are created only when they are first used. */
  #types: Parsers | null = null
  #forwarding: Forwarding | null = null
  #released: ((destroy: boolean | Error | undefined, client: LeasedConnection) => void) | null = null
  #isOver = false
  #isBack = false

  /** @internal */
  constructor(server: ServerConnection, lease: Lease, state: SessionState) {
    super()
    this.#server = server
    this.#state = state
    this.release = (destroy) => {
      if (this.#isBack && !server.hasEnded) throw releasedTwice()
      if (this.#isOver) return
      this.#end()
      const reason = destroy instanceof Error ? destroy : Boolean(destroy)
      this.#isBack = reason === false
      lease.release(reason)
      this.#released?.(reason || undefined, this)
    }
  }

  /** @internal The connection below a checkout, for lock sessions, which clean up after themselves. */
  static serverOf(connection: PostgresConnection): ServerConnection {
    if (connection instanceof LeasedConnection) return connection.#server
    return connection as ServerConnection
  }

  /**
   * @internal The connection below a checkout, for statements of our own: there our parsers read the answers, and no
   * borrower state is recorded.
   */
  static beneath(connection: Queryable): Queryable {
    return connection instanceof LeasedConnection ? connection.#server : connection
  }

  /** @internal A client in the state after its check-in, for events about the connection. */
  static released(connection: PostgresConnection): LeasedConnection {
    const client = LeasedConnection.lentFor(LeasedConnection.serverOf(connection))
    client.#end()
    return client
  }

  /** @internal Wraps a connection that was not checked out from a pool. `endCheckout` ends it. */
  static lentFor(server: ServerConnection): LeasedConnection {
    const release = (destroy?: boolean | Error): void => void (destroy && server.destroy())
    const lease = { release, [Symbol.asyncDispose]: () => Promise.resolve() }
    return new LeasedConnection(server, lease, new SessionState(new Reach()))
  }

  /** @internal Ends such a client, even if the program still has a reference to it. */
  static endCheckout(client: LeasedConnection): void {
    client.#end()
  }

  /** Its backend pid: `pid` in `pg_stat_activity` and `pg_locks`. */
  get processID(): number {
    return this.#server.processID
  }

  get user(): string | undefined {
    return this.#server.client.user
  }

  get database(): string | undefined {
    return this.#server.client.database
  }

  get host(): string {
    return this.#server.client.host
  }

  get port(): number {
    return this.#server.client.port
  }

  get ssl(): boolean {
    return this.#server.client.ssl
  }

  get binary(): boolean {
    return (this.#server.client as unknown as { readonly binary: boolean }).binary
  }

  get pipeline(): boolean {
    return this.#server.client.pipeline
  }

  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row>(text: string | QueryConfig, callback: Callback<QueryResult<Row>>): void
  query<Row>(text: string | QueryConfig, values: unknown[], callback: Callback<QueryResult<Row>>): void
  /** A cursor or query stream. From then on, what this borrower sends goes one statement at a time. */
  query<Query extends pg.Submittable>(query: Query): Query
  query<Row>(
    query: string | QueryConfig | pg.Submittable,
    values?: unknown[] | Callback<QueryResult<Row>>,
    callback?: Callback<QueryResult<Row>>,
  ): unknown {
    if (query === null || query === undefined) throw new TypeError(`a query is a text or an object with one`)
    if (typeof query === 'object' && 'submit' in query) return this.#submit(query, values, callback)
    const inside = typeof query === 'object' ? (query as { callback?: unknown }).callback : undefined
    // This must not reach the driver: it would call such a callback and never settle the promise.
    if (typeof inside === 'function')
      return this.#withCallback(query, values, callback ?? (inside as Callback<QueryResult<Row>>))
    if (typeof values === 'function') return callBack(this.#query<Row>(query), values)
    if (callback !== undefined) return callBack(this.#query<Row>(query, values), callback)
    return this.#query<Row>(query, values)
  }

  override on<Name extends keyof ConnectionEvents>(
    event: Name,
    listener: (event: ConnectionEvents[Name]) => void,
  ): this
  override on(event: string | symbol, listener: AnyListener): this
  override on(event: string | symbol, listener: AnyListener): this {
    this.#forward(event)
    return super.on(event, listener)
  }

  override addListener(event: string | symbol, listener: AnyListener): this {
    return this.on(event, listener)
  }

  override prependListener(event: string | symbol, listener: AnyListener): this {
    this.#forward(event)
    return super.prependListener(event, listener)
  }

  escapeIdentifier(name: string): string {
    return pg.escapeIdentifier(name)
  }

  escapeLiteral(text: string): string {
    return pg.escapeLiteral(text)
  }

  getTypeParser(oid: number, format?: 'text' | 'binary'): (value: any) => any {
    return this.#parsers.getTypeParser(oid, format)
  }

  /** Sets a parser for this borrower only. */
  setTypeParser(oid: number, ...parser: unknown[]): void {
    this.#types ??= new pg.TypeOverrides(this.#server.client)
    this.#types.setTypeParser(oid, ...parser)
  }

  /**
   * The transaction status in the last answer: `I` outside of a transaction, `T` inside one, `E` inside one that has
   * failed.
   */
  getTransactionStatus(): ReturnType<pg.Client['getTransactionStatus']> {
    return this.#server.client.getTransactionStatus()
  }

  /** Always fails, because the client is already connected. A client of `pg` does the same. */
  connect(): Promise<never>
  connect(callback: (error: Error) => void): void
  connect(callback?: (error: Error) => void): Promise<never> | void {
    const refused = Promise.reject<never>(
      new ConnectionError('it is connected already', { retryable: false }),
    )
    return callback === undefined ? refused : callBack(refused, callback as Callback<never>)
  }

  /** Checks the connection in to be closed, and resolves when it is closed. */
  end(): Promise<void>
  end(callback: (error: Error) => void): void
  end(callback?: (error: Error) => void): Promise<void> | void {
    const isOver = this.#isOver
    const ended = new Promise<void>(
      (resolve) => void (isOver ? resolve() : this.#server.onEnd(() => resolve())),
    )
    if (!isOver) this.release(true)
    return callback === undefined ? ended : callBack(ended, callback as Callback<void>)
  }

  /** @internal For the pool: runs one statement and checks the connection in. */
  askOnce<Row>(
    query: string | QueryConfig,
    values: unknown[] | undefined,
    done: Callback<QueryResult<Row>>,
  ): void {
    this.#look(query, values)
    this.#server.ask<Row>(query, values, (error, result) => {
      const checkIn = (): void => {
        this.release()
        done(error, result)
      }
      // First the driver reads the rest of the answer. Then no statement is running, and the reset needs no extra
      // question.
      if (error) queueMicrotask(checkIn)
      else checkIn()
    })
  }

  /** @internal For the pool: sets the listener that is called when the borrower checks in. */
  onRelease(listener: (destroy: boolean | Error | undefined, client: LeasedConnection) => void): void {
    this.#released = listener
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.release()
  }

  #query<Row>(query: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    if (this.#isOver) return Promise.reject(released())
    this.#look(query, values)
    return this.#server.relay<Row>(this.#types === null ? query : this.#typed(query), values)
  }

  #withCallback<Row>(
    query: string | QueryConfig,
    values: unknown[] | Callback<QueryResult<Row>> | undefined,
    callback: Callback<QueryResult<Row>> | undefined,
  ): void {
    const done = (typeof values === 'function' ? values : callback)!
    if (this.#isOver) return callBack(Promise.reject(released()), done)
    const given = typeof values === 'function' ? undefined : values
    this.#look(query, given)
    this.#server.ask<Row>(query, given, (error, result) => process.nextTick(done, error, result))
  }

  /**
   * The text that the server will execute. The driver needs no text for a statement that it knows by name. Without text
   * and name, nothing is sent.
   */
  #textOf({ text, name }: { readonly text?: unknown; readonly name?: unknown }): string {
    if (typeof text === 'string') return text
    return (typeof name === 'string' ? preparedText(this.#server.client, name) : undefined) ?? ''
  }

  #submit(
    query: pg.Submittable & { text?: string; cursor?: { text?: string } },
    ...rest: unknown[]
  ): unknown {
    if (this.#isOver) throw released()
    this.#state.look(query.text ?? query.cursor?.text)
    this.#server.submit(query, ...rest)
    return query
  }

  #look(query: string | QueryConfig, values: unknown[] | undefined): void {
    if (typeof query === 'string') this.#state.look(query, values)
    else this.#state.look(this.#textOf(query), values ?? query.values)
  }

  #typed(query: string | QueryConfig): QueryConfig {
    const types = this.#parsers
    return typeof query === 'string' ? { text: query, types } : { types, ...query }
  }

  get #parsers(): Parsers {
    return this.#types ?? this.#server.client
  }

  /** Forwards an event of the connection from now on, because it has a listener here. */
  #forward(event: string | symbol): void {
    if (this.#isOver || !Forwarding.concerns(event)) return
    this.#forwarding ??= new Forwarding(this.#server, this)
    this.#forwarding.begin(event)
  }

  #end(): void {
    this.#isOver = true
    this.#forwarding?.end()
  }
}
