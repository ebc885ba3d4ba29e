import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { HELD_KEYS, LEFT_LOCKS, LEFT_SESSIONS, SESSIONS, TERMINATE } from './chaos-sql.js'
import { sharedNow, type Sighting } from './history.js'

const LOOK_EVERY_MS = 100

/** After this a statement counts as lost: the server may be frozen, or away. */
const STATEMENT_TIMEOUT_MS = 1000

/** A server session of a worker. */
export interface SeenSession {
  readonly pid: number
  /** `chaos w2.3` of its pool, `chaos w2.3 data` of the row it guards. */
  readonly name: string
  readonly listens: boolean
  readonly idles: boolean
}

/** Looks at the server past the network that chaos plays with. Every look may fail: the server may be gone. */
export class Watch {
  readonly sightings: Sighting[] = []
  readonly #url: () => string
  #client: pg.Client | null = null
  #isStopping = false
  #watching: Promise<void> | null = null

  /** `url` is asked for each connection: the server may be another one by then. */
  constructor(url: () => string) {
    this.#url = url
  }

  begin(): void {
    this.#watching = this.#watch()
  }

  async end(): Promise<void> {
    this.#isStopping = true
    await this.#watching
    await this.#client?.end().catch(() => undefined)
    this.#client = null
  }

  /** Empty if it can't be told. */
  async sessions(): Promise<readonly SeenSession[]> {
    return this.#rows<SeenSession>(SESSIONS).catch(() => [])
  }

  async terminate(pids: readonly number[]): Promise<void> {
    await this.#rows(TERMINATE, [pids]).catch(() => undefined)
  }

  /** Whatever a worker has left in the server. */
  async leftovers(): Promise<readonly string[]> {
    const found = [
      ...(await this.#rows<{ what: string }>(LEFT_LOCKS)),
      ...(await this.#rows<{ what: string }>(LEFT_SESSIONS)),
    ]
    return found.map(({ what }) => what)
  }

  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      try {
        const rows = await this.#rows<{ key: string }>(HELD_KEYS)
        this.sightings.push({ at: sharedNow(), held: new Set(rows.map(({ key }) => key)) })
      } catch {
        // What was not seen says nothing.
      }
      await sleep(LOOK_EVERY_MS)
    }
  }

  async #rows<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> {
    const client = (this.#client ??= await this.#connect())
    try {
      return (await client.query<Row>(text, values)).rows
    } catch (error) {
      if (this.#client === client) this.#client = null
      client.end().catch(() => undefined)
      throw error
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url(),
      application_name: 'watching chaos',
      query_timeout: STATEMENT_TIMEOUT_MS,
      connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
    })
    client.on('error', () => {
      if (this.#client === client) this.#client = null
    })
    await client.connect()
    return client
  }
}
