import { Deferred } from '../../../base/deferred.js'
import { PoolClosedError } from '../../../base/errors.js'
import { ConnectionPool } from '../../../pool/connection-pool.js'
import type { ConnectOptions } from '../../../pool/connect-request.js'
import { callBack, type Callback } from '../../callback.js'
import type { LeasedConnection } from './leased-connection.js'
import type { MysqlConnection } from '../connection/connection.js'

/**
 * A pool of connections to MariaDB or MySQL that can replace a pool of `mysql2/promise`. Lock sessions come from it
 * too, but the program does not see them. With a callback, `getConnection` and `end` work like those of `mysql2`;
 * Kysely and Knex call them like that.
 */
export class MysqlPool extends ConnectionPool<MysqlConnection> {
  /** The number of borrowers and of callers that wait for a connection. */
  #callers = 0
  #ending: Deferred<void> | null = null

  override connect(options: ConnectOptions = {}): Promise<LeasedConnection> {
    // Lock sessions, which the pool may ask to check in, do not count as borrowers.
    const isOurs = options.reserved === true || options.onWanted !== undefined
    if (isOurs) return super.connect(options) as Promise<LeasedConnection>
    if (this.#ending !== null) return Promise.reject(new PoolClosedError())
    this.#callers++
    return (super.connect(options) as Promise<LeasedConnection>).catch((error: unknown) => {
      this.#callerGone()
      throw error
    })
  }

  override use<T>(body: (client: LeasedConnection) => T | Promise<T>, options?: ConnectOptions): Promise<T> {
    return super.use((connection) => body(connection as LeasedConnection), options)
  }

  /** Checks out a connection for any length of time. `release()` checks it in. */
  getConnection(): Promise<LeasedConnection>
  getConnection(callback: Callback<LeasedConnection>): void
  getConnection(callback?: Callback<LeasedConnection>): Promise<LeasedConnection> | void {
    if (callback === undefined) return this.connect()
    callBack(
      this.connect().then((connection) => connection.withCommands()),
      callback,
    )
  }

  /** Runs one statement on a connection that is checked out for it. */
  readonly query: MysqlConnection['query'] = ((...args: Parameters<MysqlConnection['query']>) =>
    this.use((connection) => connection.query(...args))) as MysqlConnection['query']

  /** Does the same as `query` with a prepared statement. */
  readonly execute: MysqlConnection['execute'] = ((...args: Parameters<MysqlConnection['execute']>) =>
    this.use((connection) => connection.execute(...args))) as MysqlConnection['execute']

  /**
   * Checks out no more connections, and resolves when every borrower has checked in. Locks stay: a library that ends
   * its pool must not end the locks of the program. `close()` of the lock pool closes the connections.
   */
  end(): Promise<void>
  end(callback: Callback<void>): void
  end(callback?: Callback<void>): Promise<void> | void {
    const ending = (this.#ending ??= new Deferred<void>())
    this.#endIfDone()
    if (callback === undefined) return ending.promise
    callBack(ending.promise, callback)
  }

  /** @internal */
  protected override checkoutEnded(isAsked: boolean): void {
    if (!isAsked) this.#callerGone()
  }

  #callerGone(): void {
    this.#callers--
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#callers === 0) this.#ending?.resolve()
  }
}
