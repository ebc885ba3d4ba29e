import { EventEmitter } from 'node:events'
import pg from 'pg'
import type { Listener } from '../../../base/emitter.js'
import { ConnectionPool, type PoolPorts } from '../../../pool/connection-pool.js'
import type { ConnectionFactory } from '../../../pool/connection-factory.js'
import type { PoolEvents } from '../../../pool/pool-events.js'
import type { PoolOptions } from '../../../pool/pool-options.js'
import { graft } from './graft.js'
import type { LeasedConnection } from './leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'

/** What a `pg.Pool` tells its listeners, as it tells it. */
export interface ClientEvents {
  /** A connection is lent for the first time. */
  connect: [client: LeasedConnection]
  /** It is lent. */
  acquire: [client: LeasedConnection]
  /** It has come back: with what `release` was called with. */
  release: [error: boolean | Error | undefined, client: LeasedConnection]
  /** It is closed. */
  remove: [client: LeasedConnection]
  /** It has ended by itself. */
  error: [error: Error, client: LeasedConnection]
}

/** As Node types it. */
type AnyListener = (...args: any[]) => void

const Both: typeof ConnectionPool<PostgresConnection> = graft(ConnectionPool<PostgresConnection>, pg.Pool)

const node = EventEmitter.prototype

/**
 * The part of a pool that is an event emitter of Node's, because a `pg.Pool` is one, and an instance of `pg.Pool`, because
 * there are libraries that ask. The pool's own events, which begin with `connection:`, are told here too.
 */
export abstract class EmittingPool extends Both implements EventEmitter {
  /** How each event of the pool's own that somebody listens to gets here. */
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
    // As the constructor of `pg.Pool` does, which is not called: it would make another pool.
    ;(EventEmitter as unknown as (this: object) => void).call(this)
  }

  /** Listens to the events of the pool, and to those that a `pg.Pool` has. */
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

  /** Listens no more. */
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

  /** Listens once. */
  once<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  once<Name extends keyof ClientEvents>(event: Name, listener: (...args: ClientEvents[Name]) => void): this
  once(event: string | symbol, listener: AnyListener): this
  once(event: string | symbol, listener: AnyListener): this {
    // Which comes back to `on`, and to `removeListener`.
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

  /** An `error` nobody listens to ends nothing. */
  emit(event: string | symbol, ...args: unknown[]): boolean {
    return this.listenerCount(event) > 0 && node.emit.call(this, event, ...args)
  }

  /** The pool takes the trouble to tell of an event only while somebody listens to it. */
  #follow(event: string | symbol): this {
    if (!isOwn(event)) return this
    const followed = this.#followed.get(event)
    const isHeard = this.listenerCount(event) > 0
    if (isHeard && followed === undefined) {
      const tellAll: Listener<unknown> = (what) => this.#tellAll(event, what)
      this.#followed.set(event, tellAll)
      super.on(event, tellAll)
    } else if (!isHeard && followed !== undefined) {
      this.#followed.delete(event)
      super.off(event, followed)
    }
    return this
  }

  /** As the pool itself tells them: one that throws keeps it from nobody else. */
  #tellAll(event: keyof PoolEvents, what: unknown): void {
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

  /** @internal A listener that throws can't keep a connection from its borrower: its error reaches the process as an uncaught one. */
  protected tell<Name extends keyof ClientEvents>(event: Name, ...args: ClientEvents[Name]): void {
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
