import { mysqlConfig } from '../../src/dialect/mysql/config/connection-config.js'
import { loadDriver } from '../../src/dialect/mysql/connection/driver.js'
import { ServerConnection, type OwnRow } from '../../src/dialect/mysql/connection/server-connection.js'
import { STATEMENT_TIMEOUT_MS } from '../watch.js'

type Values = readonly (string | number | null)[]

/** A connection that is opened again after each failure, on which no statement takes longer than a second. */
export class PatientConnection {
  readonly #url: string
  /** One connection for all callers, including those that come while it is being opened. */
  #connected: Promise<ServerConnection> | null = null

  constructor(url: string) {
    this.#url = url
  }

  say(sql: string, values: Values = []): Promise<readonly OwnRow[]> {
    return this.#on((connection) => connection.say(sql, values))
  }

  call(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#on((connection) => connection.call(sql, values))
  }

  async close(): Promise<void> {
    const connection = await this.#connected?.catch(() => undefined)
    this.#connected = null
    connection?.destroy()
  }

  async #on<T>(use: (connection: ServerConnection) => Promise<T>): Promise<T> {
    const connected = (this.#connected ??= connect(this.#url))
    try {
      const connection = await connected
      // The end of the connection rejects the running statement.
      const late = setTimeout(() => connection.destroy(), STATEMENT_TIMEOUT_MS)
      try {
        return await use(connection)
      } finally {
        clearTimeout(late)
      }
    } catch (error) {
      if (this.#connected === connected) this.#connected = null
      void connected.then(
        (connection) => connection.destroy(),
        () => undefined,
      )
      throw error
    }
  }
}

async function connect(url: string): Promise<ServerConnection> {
  const { config } = mysqlConfig(url)
  return ServerConnection.open(await loadDriver(), config, AbortSignal.timeout(STATEMENT_TIMEOUT_MS))
}
