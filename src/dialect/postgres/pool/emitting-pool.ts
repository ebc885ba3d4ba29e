import { EventEmitter } from 'node:events'
import pg from 'pg'
import type { Listener } from '../../../base/emitter.js'
import { ConnectionPool, type PoolPorts } from '../../../pool/connection-pool.js'
import type { ConnectionFactory } from '../../../pool/connection-factory.js'
import type { PoolEvents } from '../../../pool/pool-events.js'
import type { PoolOptions } from '../../../pool/pool-options.js'
import { withAncestor } from './with-ancestor.js'
import type { LeasedConnection } from './leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'

/** The events of a `pg.Pool`, with its names and arguments. */
export interface ClientEvents {
  /** A connection is checked out for the first time. */
  connect: [client: LeasedConnection]
  /** A connection is checked out. */
  acquire: [client: LeasedConnection]
  /** A connection was checked in. The first argument is what `release` was called with. */
  release: [error: boolean | Error | undefined, client: LeasedConnection]
  /** A connection is closed. */
  remove: [client: LeasedConnection]
  /** A connection has ended by itself. */
  error: [error: Error, client: LeasedConnection]
}

/** The type of listeners in Node's own types. */
type AnyListener = (...args: any[]) => void

const Both: typeof ConnectionPool<PostgresConnection> = withAncestor(
  ConnectionPool<PostgresConnection>,
  pg.Pool,
)

const node = EventEmitter.prototype

/**
 * The part of a pool that is an event emitter of Node, because a `pg.Pool` is one. It is also an instance of `pg.Pool`,
 * because some libraries check that. The events of our own pool, which begin with `connection:`, are emitted here too.
 */
export abstract class EmittingPool extends Both implements EventEmitter {
  /** The forwarding listener of each of our own events that has a listener here. */
  readonly #followed = new Map<keyof PoolEvents, Listener<unknown>>()
  declare readonly prependOnceListener: (event: string | symbol, listener: AnyListener) => this
  declare readonly eventNames: () => (string | symbol)[]
  declare readonly listenerCount: (event: string | symbol, listener?: Function) => number
  declare readonly listeners: (event: string | symbol) => AnyListener[]
  declare readonly rawListeners: (event: string | symbol) => AnyListener[]
  declare readonly getMaxListeners: () => number
  declare readonly setMaxListeners: (count: number) => this

  constructor(factory: ConnectionFactory<PostgresConnection>, options: PoolOptions, ports: PoolPorts) {
    super(factory, options, ports)
    // The constructor of `pg.Pool` does the same. It is not called, because it would create a second pool.
    ;(EventEmitter as unknown as (this: object) => void).call(this)
  }

  /** Adds a listener for an event of the pool, or for an event that a `pg.Pool` has. */
  override on<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  override on<Name extends keyof ClientEvents>(
    event: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): this
  override on(event: string | symbol, listener: AnyListener): this
  override on(event: string | symbol, listener: AnyListener): this {
    node.on.call(this, event, listener)
    return this.#follow(event)
  }

  /** Removes a listener. */
  override off<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  override off<Name extends keyof ClientEvents>(
    event: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): this
  override off(event: string | symbol, listener: AnyListener): this
  override off(event: string | symbol, listener: AnyListener): this {
    node.off.call(this, event, listener)
    return this.#follow(event)
  }

  /** Adds a listener for one event only. */
  once<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  once<Name extends keyof ClientEvents>(event: Name, listener: (...args: ClientEvents[Name]) => void): this
  once(event: string | symbol, listener: AnyListener): this
  once(event: string | symbol, listener: AnyListener): this {
    // Node's `once` calls `on`, and later `removeListener`.
    node.once.call(this, event, listener)
    return this
  }

  addListener(event: string | symbol, listener: AnyListener): this {
    return this.on(event, listener)
  }

  removeListener(event: string | symbol, listener: AnyListener): this {
    return this.off(event, listener)
  }

  prependListener(event: string | symbol, listener: AnyListener): this {
    node.prependListener.call(this, event, listener)
    return this.#follow(event)
  }

  removeAllListeners(...event: [(string | symbol)?]): this {
    node.removeAllListeners.apply(this, event)
    for (const followed of [...this.#followed.keys()]) this.#follow(followed)
    return this
  }

  /** Emits an event. An `error` without listeners does not throw. */
  emit(event: string | symbol, ...args: unknown[]): boolean {
    return this.listenerCount(event) > 0 && node.emit.call(this, event, ...args)
  }

  /**
   * Subscribes to an event of the pool while it has listeners here, because the pool builds events only for listeners.
   */
  #follow(event: string | symbol): this {
    if (!isOwn(event)) return this
    const followed = this.#followed.get(event)
    const hasListener = this.listenerCount(event) > 0
    if (hasListener && followed === undefined) {
      const forward: Listener<unknown> = (what) => this.#forward(event, what)
      this.#followed.set(event, forward)
      super.on(event, forward)
    } else if (!hasListener && followed !== undefined) {
      this.#followed.delete(event)
      super.off(event, followed)
    }
    return this
  }

  /** Calls every listener, like the pool itself: one that throws does not keep the event from the others. */
  #forward(event: keyof PoolEvents, what: unknown): void {
    for (const listener of this.rawListeners(event)) {
      try {
        Reflect.apply(listener, this, [what])
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /**
   * @internal Emits an event. If a listener throws, the borrower still gets its connection, and the error becomes an
   * uncaught exception.
   */
  protected emitSafely<Name extends keyof ClientEvents>(event: Name, ...args: ClientEvents[Name]): void {
    try {
      this.emit(event, ...args)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function isOwn(event: string | symbol): event is keyof PoolEvents {
  return typeof event === 'string' && event.startsWith('connection:')
}
