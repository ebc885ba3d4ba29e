import { Deferred } from '../../../base/deferred.js'
import { PoolClosedError } from '../../../base/errors.js'
import { ConnectionPool } from '../../../pool/connection-pool.js'
import type { ConnectOptions } from '../../../pool/connect-request.js'
import type { LeasedConnection } from './leased-connection.js'
import type { MysqlConnection } from '../connection/connection.js'

/** As `mysql2` tells a callback. */
type Callback<T> = (error: Error | null, result?: T) => void

/**
 * Connections to MariaDB or MySQL, wherever a pool of `mysql2/promise` would do. Lock sessions come from it too, and are not
 * seen. With a callback, `getConnection` and `end` are those of `mysql2`, as Kysely calls them.
 */
export class MysqlPool extends ConnectionPool<MysqlConnection> {
  /** Borrowers and those who wait to be. */
  #callers = 0
  #ending: Deferred<void> | null = null

  override connect(options: ConnectOptions = {}): Promise<LeasedConnection> {
    // Lock sessions, which may be asked to give back, are no borrowers of the program's.
    const isOurs = options.reserved === true || options.onWanted !== undefined
    if (isOurs) return super.connect(options) as Promise<LeasedConnection>
    if (this.#ending !== null) return Promise.reject(new PoolClosedError())
    this.#callers++
    return (super.connect(options) as Promise<LeasedConnection>).catch((error: unknown) => {
      this.#left()
      throw error
    })
  }

  override use<T>(body: (client: LeasedConnection) => T | Promise<T>, options?: ConnectOptions): Promise<T> {
    return super.use((connection) => body(connection as LeasedConnection), options)
  }

  /** A connection, for as long as the caller likes. Give it back with `release()`. */
  getConnection(): Promise<LeasedConnection>
  getConnection(callback: Callback<LeasedConnection>): void
  getConnection(callback?: Callback<LeasedConnection>): Promise<LeasedConnection> | void {
    if (callback === undefined) return this.connect()
    tell(this.connect(), callback)
  }

  /** One statement on a connection that is borrowed for it. */
  readonly query: MysqlConnection['query'] = ((...args: Parameters<MysqlConnection['query']>) =>
    this.use((connection) => connection.query(...args))) as MysqlConnection['query']

  /** As `query`, prepared. */
  readonly execute: MysqlConnection['execute'] = ((...args: Parameters<MysqlConnection['execute']>) =>
    this.use((connection) => connection.execute(...args))) as MysqlConnection['execute']

  /**
   * Lends no more, and resolves when every borrower is done. Locks go on: a library that is done with its pool must not end
   * the locks of the program. `close()` of the lock pool ends the connections.
   */
  end(): Promise<void>
  end(callback: Callback<void>): void
  end(callback?: Callback<void>): Promise<void> | void {
    const ending = (this.#ending ??= new Deferred<void>())
    this.#endIfDone()
    if (callback === undefined) return ending.promise
    tell(ending.promise, callback)
  }

  /** @internal */
  protected override loanEnded(isAsked: boolean): void {
    if (!isAsked) this.#left()
  }

  #left(): void {
    this.#callers--
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#callers === 0) this.#ending?.resolve()
  }
}

/** Outside of any promise, so that what a callback throws is an uncaught exception, as with `mysql2`. */
function tell<T>(promise: Promise<T>, callback: Callback<T>): void {
  promise.then(
    (result) => process.nextTick(callback, null, result),
    (error: unknown) => process.nextTick(callback, error),
  )
}
