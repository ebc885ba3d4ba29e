import type pg from 'pg'
import { Deferred } from '../../../base/deferred.js'
import { LockError, PoolClosedError } from '../../../base/errors.js'
import type { ConnectionFactory } from '../../../pool/connection-factory.js'
import { systemClock, type Clock } from '../../../base/clock.js'
import type { PoolPorts } from '../../../pool/connection-pool.js'
import type { PoolEvents } from '../../../pool/pool-events.js'
import type { PoolOptions } from '../../../pool/pool-options.js'
import type { ConnectOptions } from '../../../pool/connect-request.js'
import type { QueryConfig, QueryResult } from '../../queryable.js'
import { callBackAsPool } from '../../callback.js'
import type { ConnectionHooks } from './connection-hooks.js'
import { EmittingPool } from './emitting-pool.js'
import { LeasedConnection } from './leased-connection.js'
import { optionsOfPg } from './pg-pool-options.js'
import type { PostgresConnection } from '../connection/connection.js'

type PoolCallback<T> = (error?: Error, result?: T) => void

type ConnectCallback = (
  error: Error | undefined,
  client: LeasedConnection | undefined,
  release: (destroy?: unknown) => void,
) => void

const NOTHING = (): void => undefined

/**
 * A pool of connections to PostgreSQL that can replace a `pg.Pool`. Lock sessions come from it too, but the program
 * does not see them.
 */
export class PostgresPool extends EmittingPool implements pg.Pool {
  // Drizzle recognizes a pool by the word in the name of its class, and minifiers change names.
  static {
    Object.defineProperty(this, 'name', { value: 'PostgresPool' })
  }

  /** The options of this pool in the form of `pg.Pool`. */
  readonly options: pg.PoolOptions
  /**
   * Connections that borrowers have had. The clients themselves are not kept, so that garbage collection can find one
   * that was never checked in.
   */
  readonly #knownServers = new WeakSet<PostgresConnection>()
  /** The number of borrowers and of callers that wait for a connection. */
  #callers = 0
  #ending: Deferred<void> | null = null
  #ended = false

  readonly #clock: Clock

  /** `config` is what the connections are made with. `log` is called for every event of theirs. */
  constructor(
    { config, log }: { readonly config: pg.ClientConfig } & Pick<ConnectionHooks, 'log'>,
    factory: ConnectionFactory<PostgresConnection>,
    options: PoolOptions,
    ports: PoolPorts,
  ) {
    super(factory, options, ports)
    this.options = optionsOfPg(config, options)
    this.#clock = ports.clock ?? systemClock
    if (log !== undefined) for (const event of POOL_EVENTS) this.on(event, (what) => log(event, what))
  }

  /** Whether `end()` was called or the lock pool is closed. */
  get ending(): boolean {
    return this.#ending !== null || this.isClosed
  }

  /** Whether `end()` has finished. */
  get ended(): boolean {
    return this.#ended
  }

  override connect(options?: ConnectOptions): Promise<LeasedConnection>
  override connect(callback: ConnectCallback): void
  override connect(how?: ConnectOptions | ConnectCallback): Promise<LeasedConnection> | void {
    if (typeof how !== 'function') return this.#connect(how ?? {})
    callBackAsPool(this.#connect({}), (error, client) => how(error, client, client?.release ?? NOTHING))
  }

  override use<T>(body: (client: LeasedConnection) => T | Promise<T>, options?: ConnectOptions): Promise<T> {
    return super.use((connection) => body(connection as LeasedConnection), options)
  }

  /** Runs one statement on a connection that is checked out for it. */
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row>(text: string | QueryConfig, callback: PoolCallback<QueryResult<Row>>): void
  query<Row>(text: string | QueryConfig, values: unknown[], callback: PoolCallback<QueryResult<Row>>): void
  /**
   * Exists only to match the type of `pg.Pool`, which refuses cursors as well: the pool could not know when one is
   * finished.
   */
  query<Query extends pg.Submittable>(query: Query): Query
  query<Row>(
    text: string | QueryConfig | pg.Submittable,
    values?: unknown[] | PoolCallback<QueryResult<Row>>,
    callback?: PoolCallback<QueryResult<Row>>,
  ): unknown {
    if (typeof text === 'function')
      return callBackAsPool(Promise.reject(notForPool(text)), text as PoolCallback<never>)
    const isShort = typeof values === 'function'
    const given = isShort ? undefined : values
    const done = isShort ? values : callback
    const answer = isStatement(text) ? this.#query<Row>(text, given) : Promise.reject(notForPool(text))
    if (done === undefined) return answer
    return callBackAsPool(answer, done)
  }

  /**
   * Checks out no more connections, and resolves when every borrower has checked in and has its answer. Callers that
   * wait already still get a connection. Locks stay: a library that ends its pool must not end the locks of the
   * program. `close()` of the lock pool closes the connections.
   *
   * @throws {PoolClosedError} `end()` was called before
   */
  end(): Promise<void>
  end(callback: (error?: Error) => void): void
  end(callback?: (error?: Error) => void): Promise<void> | void {
    const isSecond = this.#ending !== null
    const ending = (this.#ending ??= new Deferred<void>())
    if (!isSecond) this.#endIfDone()
    const answer = isSecond
      ? Promise.reject<void>(new PoolClosedError('Called end on pool more than once'))
      : ending.promise
    if (callback === undefined) return answer
    callBackAsPool(answer, callback)
  }

  /** @internal */
  protected override connectionEnded(connection: PostgresConnection, error: Error): void {
    if (this.listenerCount('error') === 0) return
    this.emitSafely('error', error, LeasedConnection.released(connection))
  }

  /** @internal Emits no event for a connection that only lock sessions have used. */
  protected override connectionGone(connection: PostgresConnection): void {
    if (this.#knownServers.has(connection) && this.listenerCount('remove') > 0)
      this.emitSafely('remove', LeasedConnection.released(connection))
  }

  /** Runs one statement. If it fails, the connection is checked in and kept; `pg.Pool` would close it. */
  #query<Row>(text: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    // A single promise, as in `pg.Pool`, because most programs run mostly this code.
    return new Promise<QueryResult<Row>>((resolve, reject) => {
      this.connect().then((client) => {
        client.askOnce<Row>(text, values, (error, result) => {
          if (error) reject(error)
          else resolve(result!)
        })
      }, reject)
    }).catch((error: Error) => {
      // Makes the stack trace lead to the caller that sent the statement, as in `pg`. Our own errors stay as they are,
      // because one error may go to many callers.
      if (!(error instanceof LockError)) Error.captureStackTrace(error)
      throw error
    })
  }

  #connect(options: ConnectOptions): Promise<LeasedConnection> {
    // Lock sessions, which the pool may ask to check in, do not count as borrowers.
    if (options.reserved || options.onWanted !== undefined)
      return super.connect(options) as Promise<LeasedConnection>
    if (this.#ending !== null) return Promise.reject(new PoolClosedError())
    this.#callers++
    const connected = super.connect(options) as Promise<LeasedConnection>
    return connected.then(this.#checkedOut, this.#refused)
  }

  readonly #refused = (error: unknown): never => {
    this.#callerGone()
    throw error
  }

  readonly #checkedOut = (client: LeasedConnection): LeasedConnection => {
    client.onRelease(this.#released)
    const server = LeasedConnection.serverOf(client)
    const isNew = !this.#knownServers.has(server)
    this.#knownServers.add(server)
    if (isNew) this.emitSafely('connect', client)
    this.emitSafely('acquire', client)
    return client
  }

  readonly #released = (error: boolean | Error | undefined, client: LeasedConnection): void => {
    this.emitSafely('release', error, client)
  }

  /** @internal Lock sessions do not count as borrowers. */
  protected override checkoutEnded(isAsked: boolean): void {
    if (!isAsked) this.#callerGone()
  }

  #callerGone(): void {
    this.#callers--
    this.#endIfDone()
  }

  #endIfDone(): void {
    const ending = this.#ending
    if (ending === null || this.#callers > 0) return
    this.#ended = true
    // The last borrower has checked in and is about to get its answer. As with `pg.Pool`, the answer comes first.
    this.#clock.after(0, () => ending.resolve())
  }
}

/** The compiler ensures that this list is complete. */
const POOL_EVENTS = Object.keys({
  'connection:opened': 0,
  'connection:checked-out': 0,
  'connection:checked-in': 0,
  'connection:failed': 0,
  'connection:cleaned': 0,
  'connection:overdue': 0,
  'connection:forgotten': 0,
  'connection:closed': 0,
} satisfies Record<keyof PoolEvents, 0>) as (keyof PoolEvents)[]

function isStatement(text: unknown): text is string | QueryConfig {
  return typeof text === 'string' || (typeof text === 'object' && text !== null && !('submit' in text))
}

function notForPool(query: unknown): TypeError {
  if (typeof query === 'object' && query !== null)
    return new TypeError('a cursor or query stream needs a connection of its own: borrow one with connect()')
  return new TypeError(
    `a query is a text or an object with one, not ${query === null ? 'null' : typeof query}`,
  )
}
