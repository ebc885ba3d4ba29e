import { EventEmitter } from 'node:events'
import type { Listener } from '../../base/emitter.js'
import { Deferred } from '../../base/deferred.js'
import { PoolClosedError } from '../../base/errors.js'
import type { ConnectionFactory } from '../../pool/connection-factory.js'
import { ConnectionPool, type PoolPorts } from '../../pool/connection-pool.js'
import type { PoolEvents } from '../../pool/pool-events.js'
import type { PoolOptions } from '../../pool/pool-options.js'
import type { ConnectOptions } from '../../pool/pool-waiter.js'
import type { QueryConfig, QueryResult } from '../queryable.js'
import { tell, type Callback } from './callback.js'
import { LeasedConnection } from './leased-connection.js'
import type { PostgresConnection } from './postgres-connection.js'

/** What a `pg.Pool` tells its listeners, as it tells it. */
export interface ClientEvents {
  connect: [client: LeasedConnection]
  acquire: [client: LeasedConnection]
  release: [error: boolean | Error | undefined, client: LeasedConnection]
  remove: []
  error: [error: Error]
}

type ConnectCallback = (
  error: Error | null,
  client: LeasedConnection | undefined,
  release: (destroy?: boolean | Error) => void,
) => void

const NOTHING = (): void => undefined

/** Connections to PostgreSQL, wherever a `pg.Pool` would do. Lock sessions come from it too, and are not seen. */
export class PostgresPool extends ConnectionPool<PostgresConnection> {
  readonly #clientEvents = new EventEmitter<ClientEvents>()
  /** Connections that have been lent before, by their server process. */
  readonly #known = new Set<number>()
  /** Borrowers and those who wait to be. */
  #callers = 0
  #ending: Deferred<void> | null = null
  #ended = false

  constructor(factory: ConnectionFactory<PostgresConnection>, options: PoolOptions, ports: PoolPorts) {
    super(factory, options, ports)
    super.on('connection:closed', ({ reason, error }) => {
      if (reason === 'ended by itself') this.#emit('error', error ?? new Error('the connection was closed'))
      this.#emit('remove')
    })
  }

  get ending(): boolean {
    return this.#ending !== null || this.isClosed
  }

  get ended(): boolean {
    return this.#ended
  }

  override connect(options?: ConnectOptions): Promise<LeasedConnection>
  override connect(callback: ConnectCallback): void
  override connect(how: ConnectOptions | ConnectCallback = {}): Promise<LeasedConnection> | void {
    if (typeof how !== 'function') return this.#connect(how)
    tell(this.#connect({}), (error, client) => how(error, client, client?.release ?? NOTHING))
  }

  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row>(text: string | QueryConfig, callback: Callback<QueryResult<Row>>): void
  query<Row>(text: string | QueryConfig, values: unknown[], callback: Callback<QueryResult<Row>>): void
  query<Row>(
    text: string | QueryConfig,
    values?: unknown[] | Callback<QueryResult<Row>>,
    callback?: Callback<QueryResult<Row>>,
  ): Promise<QueryResult<Row>> | void {
    const isShort = typeof values === 'function'
    const given = isShort ? undefined : values
    const told = isShort ? values : callback
    // A statement that fails costs only itself: the connection goes back, where `pg.Pool` would close it.
    const answer = this.connect({}).then(async (connection) => {
      try {
        return await connection.query<Row>(text as string, given)
      } finally {
        connection.release()
      }
    })
    if (told === undefined) return answer
    tell(answer, told)
  }

  override on<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  override on<Name extends keyof ClientEvents>(
    event: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): this
  override on(event: string, listener: (...args: never[]) => void): this {
    if (isOwn(event)) return super.on(event, listener as Listener<unknown>)
    this.#clientEvents.on(event as 'remove', listener)
    return this
  }

  once<Name extends keyof ClientEvents>(event: Name, listener: (...args: ClientEvents[Name]) => void): this {
    this.#clientEvents.once(event, listener as never)
    return this
  }

  override off<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  override off<Name extends keyof ClientEvents>(
    event: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): this
  override off(event: string, listener: (...args: never[]) => void): this {
    if (isOwn(event)) return super.off(event, listener as Listener<unknown>)
    this.#clientEvents.off(event as 'remove', listener)
    return this
  }

  removeListener<Name extends keyof ClientEvents>(
    event: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): this {
    return this.off(event, listener)
  }

  /**
   * Lends no more, and resolves when every borrower is done. Who waits already is still served. Locks go on: a library
   * that is done with its pool must not end the locks of the program. `close()` of the lock pool ends the connections.
   */
  end(): Promise<void>
  end(callback: (error?: Error | null) => void): void
  end(callback?: (error?: Error | null) => void): Promise<void> | void {
    const isSecond = this.#ending !== null
    const ending = (this.#ending ??= new Deferred<void>())
    if (!isSecond) this.#endIfDone()
    if (callback === undefined) return ending.promise
    tell(ending.promise, callback)
  }

  #connect(options: ConnectOptions): Promise<LeasedConnection> {
    // Lock sessions, which may be asked to give back, are no borrowers of the program's.
    if (options.reserved || options.onWanted !== undefined)
      return super.connect(options) as Promise<LeasedConnection>
    if (this.#ending !== null) return Promise.reject(new PoolClosedError())
    this.#callers++
    return (super.connect(options) as Promise<LeasedConnection>).then(
      (client) => this.#lent(client),
      (error: unknown) => {
        this.#left()
        throw error
      },
    )
  }

  #lent(client: LeasedConnection): LeasedConnection {
    client.onRelease((error) => {
      this.#emit('release', error, client)
      this.#left()
    })
    if (!this.#known.has(client.processID)) {
      this.#known.add(client.processID)
      client.onEnd(() => this.#known.delete(client.processID))
      this.#emit('connect', client)
    }
    this.#emit('acquire', client)
    return client
  }

  #left(): void {
    this.#callers--
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#ending === null || this.#callers > 0) return
    this.#ended = true
    this.#ending.resolve()
  }

  /** An `error` nobody listens to ends nothing, and a listener that throws can't keep a connection from its borrower. */
  #emit<Name extends keyof ClientEvents>(event: Name, ...args: ClientEvents[Name]): void {
    if (this.#clientEvents.listenerCount(event) === 0) return
    try {
      ;(this.#clientEvents as EventEmitter).emit(event, ...args)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function isOwn(event: string): event is keyof PoolEvents {
  return event.startsWith('connection:')
}
