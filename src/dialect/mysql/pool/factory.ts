import type { ConnectionOptions } from 'mysql2'
import { ConnectionError } from '../../../base/errors.js'
import type { ConnectionFactory } from '../../../pool/connection-factory.js'
import type { Lease } from '../../../pool/lease.js'
import { loadDriver } from '../connection/driver.js'
import { LeasedConnection } from './leased-connection.js'
import type { MysqlConnection } from '../connection/connection.js'
import { explain } from '../connection/server-errors.js'
import { ServerConnection } from '../connection/server-connection.js'
import { useDatabase } from '../connection/transaction-sql.js'

/** The pool does not find out what borrowers have left; it resets the session. */
const WAS_USED: readonly string[] = []

/** Opens, checks out, tests, resets and closes connections to MariaDB or MySQL. */
export class MysqlFactory implements ConnectionFactory<MysqlConnection> {
  readonly #config: ConnectionOptions

  constructor(config: ConnectionOptions) {
    this.#config = config
  }

  async open(signal: AbortSignal): Promise<MysqlConnection> {
    const driver = await loadDriver()
    try {
      return await ServerConnection.open(driver, this.#config, signal)
    } catch (error) {
      throw explain(error)
    }
  }

  close(connection: MysqlConnection): Promise<void> {
    return serverOf(connection).close()
  }

  destroy(connection: MysqlConnection): void {
    serverOf(connection).destroy()
  }

  check(connection: MysqlConnection): Promise<void> {
    return serverOf(connection).ping()
  }

  clean(connection: MysqlConnection): Promise<readonly string[]> | null {
    const server = serverOf(connection)
    return server.isUsed ? this.#undo(server) : null
  }

  async #undo(server: ServerConnection): Promise<readonly string[]> {
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
    return new LeasedConnection(serverOf(connection), lease)
  }
}

function serverOf(connection: MysqlConnection): ServerConnection {
  return LeasedConnection.serverOf(connection)
}
