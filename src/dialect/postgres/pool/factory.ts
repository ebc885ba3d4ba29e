import type pg from 'pg'
import { Unfinished } from '../../../base/unfinished.js'
import type { ConnectionFactory, Progress } from '../../../pool/connection-factory.js'
import type { Lease } from '../../../pool/lease.js'
import { checkGreeted, greet, type ConnectionHooks } from './connection-hooks.js'
import { SessionState, type ReportFound } from '../reset/session-state.js'
import { setKeepsProcess } from '../connection/driver-client.js'
import { PrimaryFinder, type FinderPorts } from '../hosts/primary-finder.js'
import { LeasedConnection } from './leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'
import { explain } from '../connection/server-errors.js'
import { ALIVE, HEARTBEAT } from '../connection/heartbeat-sql.js'
import { Reach } from '../reset/reach.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { refuseSharedSession } from '../connection/shared-session.js'

/** Opens, checks out, tests, resets and closes connections to PostgreSQL. */
export class PostgresFactory implements ConnectionFactory<PostgresConnection> {
  readonly #finder: PrimaryFinder
  readonly #hooks: ConnectionHooks
  readonly #isGreeted: boolean
  readonly #states = new WeakMap<PostgresConnection, SessionState>()
  /** Shared by all connections, because they use the same database and the same role. */
  readonly #reach = new Reach()
  readonly #cancels = new Unfinished()

  constructor(config: pg.ClientConfig, hooks: ConnectionHooks = {}, ports: FinderPorts = {}) {
    this.#finder = new PrimaryFinder(config, ports)
    this.#hooks = hooks
    this.#isGreeted = hooks.onConnect !== undefined || hooks.verify !== undefined
  }

  async open(signal: AbortSignal): Promise<PostgresConnection> {
    let connection: ServerConnection | null = null
    try {
      connection = await this.#finder.open(signal)
      await refuseSharedSession(connection)
      if (this.#isGreeted) {
        await greet(connection, this.#hooks, signal)
        checkGreeted(connection)
      }
      this.#states.set(connection, new SessionState(this.#reach))
      return connection
    } catch (error) {
      connection?.destroy()
      throw explain(error)
    }
  }

  progress(signal: AbortSignal): Progress | null {
    return this.#finder.progress(signal)
  }

  async close(connection: PostgresConnection): Promise<void> {
    // A connection with a running statement can't be closed in an orderly way.
    await this.#states.get(connection)!.underWay
    const closed = (connection as ServerConnection).close()
    this.#track((connection as ServerConnection).canceled)
    return closed
  }

  destroy(connection: PostgresConnection): void {
    ;(connection as ServerConnection).destroy()
    this.#track((connection as ServerConnection).canceled)
  }

  /** Resolves when the server has received all cancel requests. A process that ends earlier has not sent them. */
  async settled(): Promise<void> {
    await this.#cancels.ended()
  }

  async check(connection: PostgresConnection): Promise<void> {
    await connection.query((connection as ServerConnection).isPortable ? ALIVE : HEARTBEAT)
  }

  clean(connection: PostgresConnection, report: ReportFound): Promise<readonly string[]> | null {
    const server = connection as ServerConnection
    const cleaning = this.#states.get(connection)!.clean(server, report)
    const { onConnect } = this.#hooks
    if (onConnect === undefined || (cleaning === null && !server.hasLostSettings)) return cleaning
    return this.#greetAgain(server, { onConnect }, cleaning)
  }

  /** Calls the hook again, because the reset has also removed the settings that the hook made. */
  async #greetAgain(
    server: ServerConnection,
    hooks: ConnectionHooks,
    cleaning: Promise<readonly string[]> | null,
  ): Promise<readonly string[]> {
    const found = (await cleaning) ?? []
    if (!server.hasLostSettings) return found
    server.hasLostSettings = false
    // The pool gives up a connection if this takes too long.
    await greet(server, hooks, new AbortController().signal)
    checkGreeted(server)
    return found
  }

  ref(connection: PostgresConnection): void {
    setKeepsProcess((connection as ServerConnection).client, true)
  }

  unref(connection: PostgresConnection): void {
    setKeepsProcess((connection as ServerConnection).client, false)
  }

  onEnd(connection: PostgresConnection, ended: (cause: Error) => void): void {
    ;(connection as ServerConnection).onEnd(ended)
  }

  lease(connection: PostgresConnection, lease: Lease): PostgresConnection & Lease {
    const state = this.#states.get(connection)!
    const server = connection as ServerConnection
    state.checkOut(server)
    if (server.hasLostSettings && this.#hooks.onConnect !== undefined) this.#greetBehind(server)
    return new LeasedConnection(server, lease, state)
  }

  /**
   * Calls the hook after the reset of a checkout. Whatever the hook sends synchronously goes out before the borrower's
   * first statement.
   */
  #greetBehind(server: ServerConnection): void {
    server.hasLostSettings = false
    const { onConnect } = this.#hooks
    greet(server, { ...(onConnect && { onConnect }) }, new AbortController().signal).catch(() =>
      server.destroy(),
    )
  }

  #track(canceled: Promise<void> | null): void {
    if (canceled !== null) this.#cancels.add(canceled)
  }
}
