import type { ConnectionOptions } from 'mysql2'
import { ConnectionError } from '../../../base/errors.js'
import { orAbort } from '../../../base/or-abort.js'
import { Unfinished } from '../../../base/unfinished.js'
import type { ConnectionFactory, Progress } from '../../../pool/connection-factory.js'
import type { Lease } from '../../../pool/lease.js'
import { loadDriver } from '../connection/driver.js'
import { endAbandonedSession } from '../connection/end-statement.js'
import { LeasedConnection } from './leased-connection.js'
import type { MysqlConnection } from '../connection/connection.js'
import { explain } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { useDatabase } from '../connection/transaction-sql.js'
import { PrimaryFinder } from '../hosts/primary-finder.js'

/** The pool does not find out what borrowers have left; it resets the session. */
const WAS_USED: readonly string[] = []

/** Opens, checks out, tests, resets and closes connections to MariaDB or MySQL. */
export class MysqlFactory implements ConnectionFactory<MysqlConnection> {
  readonly #config: ConnectionOptions
  readonly #finder: PrimaryFinder
  readonly #endings = new Unfinished()

  constructor(config: ConnectionOptions) {
    this.#config = config
    this.#finder = new PrimaryFinder(config)
  }

  async open(signal: AbortSignal): Promise<MysqlConnection> {
    let server: ServerConnection | null = null
    try {
      server = await this.#finder.open(signal)
      await orAbort(server.findServer(), signal)
      return server
    } catch (error) {
      server?.destroy()
      throw explain(error)
    }
  }

  progress(signal: AbortSignal): Progress | null {
    return this.#finder.progress(signal)
  }

  /** A connection with a running statement can't be closed in an orderly way. */
  async close(connection: MysqlConnection): Promise<void> {
    const server = serverOf(connection)
    if (!server.isBusy || server.isPrompt) return server.close()
    await this.#abandon(server)
  }

  destroy(connection: MysqlConnection): void {
    void this.#abandon(serverOf(connection))
  }

  /** Resolves when the servers have ended all abandoned statements, or did not answer. A process that ends earlier leaves them. */
  async settled(): Promise<void> {
    await this.#endings.ended()
  }

  /** Closes the socket at once, and ends the statement that is running: otherwise the server would finish it first. */
  async #abandon(server: ServerConnection): Promise<void> {
    const { isBusy, isPrompt, threadId: id, server: where, config } = server
    server.destroy()
    if (!isBusy || isPrompt || where === null) return
    const ending = loadDriver().then((driver) => endAbandonedSession(driver, { id, server: where, config }))
    this.#endings.add(ending)
    await ending
  }

  check(connection: MysqlConnection): Promise<void> {
    return serverOf(connection).ping()
  }

  clean(connection: MysqlConnection): Promise<readonly string[]> | null {
    const server = serverOf(connection)
    return server.isUsed ? this.#undo(server) : null
  }

  async #undo(server: ServerConnection): Promise<readonly string[]> {
    // The next connection leads to the primary.
    if (server.isMisplaced) throw new ConnectionError('this server is not the primary')
    const { database } = this.#config
    if (server.mayHaveMoved) {
      // A session can't return to having no database.
      if (database === undefined) throw new ConnectionError('a statement may have changed its database')
      await server.say(useDatabase(server.escapeId(database)))
    }
    await server.reset()
    server.isUsed = server.mayHaveMoved = false
    return WAS_USED
  }

  ref(connection: MysqlConnection): void {
    serverOf(connection).setKeepsProcess(true)
  }

  unref(connection: MysqlConnection): void {
    serverOf(connection).setKeepsProcess(false)
  }

  onEnd(connection: MysqlConnection, ended: (cause: Error) => void): void {
    serverOf(connection).onEnd(ended)
  }

  lease(connection: MysqlConnection, lease: Lease): MysqlConnection & Lease {
    const server = serverOf(connection)
    server.isPrompt = false
    return new LeasedConnection(server, lease)
  }
}

function serverOf(connection: MysqlConnection): ServerConnection {
  return LeasedConnection.serverOf(connection)
}
