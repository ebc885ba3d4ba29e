import { EventEmitter } from 'node:events'
import type { Listener } from '../../base/emitter.js'
import { ConnectionPool } from '../../pool/connection-pool.js'
import type { PoolEvents } from '../../pool/pool-events.js'
import type { LeasedConnection } from './leased-connection.js'
import type { PostgresConnection } from './postgres-connection.js'

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

/**
 * The part of a pool that is an event emitter of Node's, because a `pg.Pool` is one: its events, beside the pool's own,
 * which begin with `connection:` and know only `on` and `off`.
 */
export abstract class EmittingPool extends ConnectionPool<PostgresConnection> implements EventEmitter {
  readonly #emitter = new EventEmitter()

  /** Listens to the events of the pool, and to those that a `pg.Pool` has. */
  override on<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  override on<Name extends keyof ClientEvents>(
    event: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): this
  override on(event: string | symbol, listener: AnyListener): this
  override on(event: string | symbol, listener: AnyListener): this {
    if (isOwn(event)) return super.on(event, listener as Listener<unknown>)
    this.#emitter.on(event, listener)
    return this
  }

  /** Listens no more. */
  override off<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this
  override off<Name extends keyof ClientEvents>(
    event: Name,
    listener: (...args: ClientEvents[Name]) => void,
  ): this
  override off(event: string | symbol, listener: AnyListener): this
  override off(event: string | symbol, listener: AnyListener): this {
    if (isOwn(event)) return super.off(event, listener as Listener<unknown>)
    this.#emitter.off(event, listener)
    return this
  }

  once<Name extends keyof ClientEvents>(event: Name, listener: (...args: ClientEvents[Name]) => void): this
  once(event: string | symbol, listener: AnyListener): this
  once(event: string | symbol, listener: AnyListener): this {
    this.#emitter.once(event, listener)
    return this
  }

  addListener(event: string | symbol, listener: AnyListener): this {
    return this.on(event, listener)
  }

  removeListener(event: string | symbol, listener: AnyListener): this {
    return this.off(event, listener)
  }

  prependListener(event: string | symbol, listener: AnyListener): this {
    this.#emitter.prependListener(event, listener)
    return this
  }

  prependOnceListener(event: string | symbol, listener: AnyListener): this {
    this.#emitter.prependOnceListener(event, listener)
    return this
  }

  removeAllListeners(event?: string | symbol): this {
    this.#emitter.removeAllListeners(event)
    return this
  }

  /** An `error` nobody listens to ends nothing. */
  emit(event: string | symbol, ...args: unknown[]): boolean {
    return this.#emitter.listenerCount(event) > 0 && this.#emitter.emit(event, ...args)
  }

  eventNames(): (string | symbol)[] {
    return this.#emitter.eventNames()
  }

  listenerCount(event: string | symbol, listener?: Function): number {
    return this.#emitter.listenerCount(event, listener)
  }

  listeners(event: string | symbol): Function[] {
    return this.#emitter.listeners(event)
  }

  rawListeners(event: string | symbol): Function[] {
    return this.#emitter.rawListeners(event)
  }

  getMaxListeners(): number {
    return this.#emitter.getMaxListeners()
  }

  setMaxListeners(count: number): this {
    this.#emitter.setMaxListeners(count)
    return this
  }

  /** A listener that throws can't keep a connection from its borrower: its error reaches the process as an uncaught one. */
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
