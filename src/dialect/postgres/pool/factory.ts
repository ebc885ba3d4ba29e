import type pg from 'pg'
import { Unfinished } from '../../../base/unfinished.js'
import type { ConnectionFactory, Progress } from '../../../pool/connection-factory.js'
import type { Lease } from '../../../pool/lease.js'
import { checkGreeted, greet, type ConnectionHooks } from './connection-hooks.js'
import { SessionState, type TellFound } from '../reset/session-state.js'
import { keepProcess } from '../connection/driver-client.js'
import { PrimaryFinder, type FinderPorts } from '../hosts/primary-finder.js'
import { LeasedConnection } from './leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'
import { explain } from '../connection/server-errors.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'
import { Reach } from '../reset/reach.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { refuseTwin } from '../connection/shared-session.js'

/** Opens, lends, checks, cleans and closes connections to PostgreSQL. */
export class PostgresFactory implements ConnectionFactory<PostgresConnection> {
  readonly #finder: PrimaryFinder
  readonly #hooks: ConnectionHooks
  readonly #isGreeted: boolean
  readonly #dirt = new WeakMap<PostgresConnection, SessionState>()
  /** All connections are to one database, as one role. */
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
      await refuseTwin(connection)
      if (this.#isGreeted) {
        await greet(connection, this.#hooks, signal)
        checkGreeted(connection)
      }
      this.#dirt.set(connection, new SessionState(this.#reach))
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
    // With something under way nobody can take leave.
    await this.#dirt.get(connection)!.underWay
    const closed = (connection as ServerConnection).close()
    this.#mind((connection as ServerConnection).canceled)
    return closed
  }

  destroy(connection: PostgresConnection): void {
    ;(connection as ServerConnection).destroy()
    this.#mind((connection as ServerConnection).canceled)
  }

  /** When the server has been told to give up what was under way: who ends the process before that has not told it. */
  async settled(): Promise<void> {
    await this.#cancels.ended()
  }

  async check(connection: PostgresConnection): Promise<void> {
    await connection.query(HEARTBEAT)
  }

  clean(connection: PostgresConnection, tell: TellFound): Promise<readonly string[]> | null {
    const server = connection as ServerConnection
    const cleaning = this.#dirt.get(connection)!.clean(server, tell)
    const { onConnect } = this.#hooks
    if (onConnect === undefined || (cleaning === null && !server.hasLostSettings)) return cleaning
    return this.#greetAgain(server, { onConnect }, cleaning)
  }

  /** What was set at its opening was cleaned off with what a borrower, or a lock session, had set. */
  async #greetAgain(
    server: ServerConnection,
    hooks: ConnectionHooks,
    cleaning: Promise<readonly string[]> | null,
  ): Promise<readonly string[]> {
    const found = (await cleaning) ?? []
    if (!server.hasLostSettings) return found
    server.hasLostSettings = false
    // The pool gives it up when it takes too long, and what it holds with it.
    await greet(server, hooks, new AbortController().signal)
    checkGreeted(server)
    return found
  }

  ref(connection: PostgresConnection): void {
    keepProcess((connection as ServerConnection).client, true)
  }

  unref(connection: PostgresConnection): void {
    keepProcess((connection as ServerConnection).client, false)
  }

  onEnd(connection: PostgresConnection, ended: (cause: Error) => void): void {
    ;(connection as ServerConnection).onEnd(ended)
  }

  lease(connection: PostgresConnection, lease: Lease): PostgresConnection & Lease {
    const dirt = this.#dirt.get(connection)!
    const server = connection as ServerConnection
    dirt.lend(server)
    if (server.hasLostSettings && this.#hooks.onConnect !== undefined) this.#greetBehind(server)
    return new LeasedConnection(server, lease, dirt)
  }

  /** It was cleaned once more just now. What is sent at once is sent before the borrower's first statement. */
  #greetBehind(server: ServerConnection): void {
    server.hasLostSettings = false
    const { onConnect } = this.#hooks
    greet(server, { ...(onConnect && { onConnect }) }, new AbortController().signal).catch(() =>
      server.destroy(),
    )
  }

  #mind(canceled: Promise<void> | null): void {
    if (canceled !== null) this.#cancels.add(canceled)
  }
}
