import pg from 'pg'
import { CLAIM, WRITE } from './chaos-sql.js'
import type { GuardedRow } from './worker-parts.js'

/** A statement that takes longer counts as lost in the network, and its connection too. */
const STATEMENT_TIMEOUT_MS = 1000

export class PostgresRow implements GuardedRow {
  readonly #url: string
  readonly #applicationName: string
  /** One connection for all callers, including those that come while it is being opened. */
  #client: Promise<pg.Client> | null = null

  constructor(url: string, applicationName: string) {
    this.#url = url
    this.#applicationName = applicationName
  }

  async claim(key: string, token: bigint): Promise<number | null> {
    const { rows } = await this.#query<{ value: number }>(CLAIM, [key, token])
    return rows[0]?.value ?? null
  }

  async write(key: string, ask: string, token: bigint, value: number): Promise<void> {
    await this.#query(WRITE, [key, token, value, ask])
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    this.#client = null
    await client?.end().catch(() => undefined)
  }

  async #query<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<Row>> {
    const connected = (this.#client ??= this.#connect())
    try {
      return await (await connected).query<Row>(text, values)
    } catch (error) {
      if (this.#client === connected) this.#client = null
      void connected.then(destroy, () => undefined)
      throw error
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: this.#applicationName,
      // Several callers share it.
      pipeline: true,
      query_timeout: STATEMENT_TIMEOUT_MS,
      connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
    })
    client.on('error', () => destroy(client))
    try {
      await client.connect()
      return client
    } catch (error) {
      destroy(client)
      throw error
    }
  }
}

/** Closes without waiting for the server, which may not exist any more. */
function destroy(client: pg.Client): void {
  ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
}
