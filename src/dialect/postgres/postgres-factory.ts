import type pg from 'pg'
import type { ConnectionFactory } from '../../pool/connection-factory.js'
import type { Lease } from '../../pool/lease.js'
import { Dirt, type TellFound } from './dirt.js'
import { LeasedConnection } from './leased-connection.js'
import type { PostgresConnection } from './postgres-connection.js'
import { explain } from './postgres-errors.js'
import { HEARTBEAT } from './postgres-sql.js'
import { Reach } from './reach.js'
import { ServerConnection } from './server-connection.js'
import { refuseTwin } from './twins.js'

/** Opens, lends, checks, cleans and closes connections to PostgreSQL. */
export class PostgresFactory implements ConnectionFactory<PostgresConnection> {
  readonly #config: pg.ClientConfig
  readonly #dirt = new WeakMap<PostgresConnection, Dirt>()
  /** All connections are to one database, as one role. */
  readonly #reach = new Reach()
  readonly #cancels = new Set<Promise<void>>()

  constructor(config: pg.ClientConfig) {
    this.#config = config
  }

  async open(signal: AbortSignal): Promise<PostgresConnection> {
    let connection: ServerConnection | null = null
    try {
      connection = await ServerConnection.open(this.#config, signal)
      await refuseTwin(connection)
      this.#dirt.set(connection, new Dirt(this.#reach))
      return connection
    } catch (error) {
      connection?.destroy()
      throw explain(error)
    }
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
    await Promise.all(this.#cancels)
  }

  async check(connection: PostgresConnection): Promise<void> {
    await connection.query(HEARTBEAT)
  }

  clean(connection: PostgresConnection, tell: TellFound): Promise<readonly string[]> | null {
    return this.#dirt.get(connection)!.clean(connection as ServerConnection, tell)
  }

  onEnd(connection: PostgresConnection, ended: (cause: Error) => void): void {
    ;(connection as ServerConnection).onEnd(ended)
  }

  lease(connection: PostgresConnection, lease: Lease): PostgresConnection & Lease {
    const dirt = this.#dirt.get(connection)!
    dirt.lend(connection as ServerConnection)
    return new LeasedConnection(connection as ServerConnection, lease, dirt)
  }

  #mind(canceled: Promise<void> | null): void {
    if (canceled === null || this.#cancels.has(canceled)) return
    this.#cancels.add(canceled)
    void canceled.then(() => this.#cancels.delete(canceled))
  }
}
