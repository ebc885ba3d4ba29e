import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import {
  ALL_ROWS,
  HELD_KEYS,
  HELD_ROWS,
  LEFT_LOCKS,
  LEFT_ROWS,
  LEFT_SESSIONS,
  SESSIONS,
  TERMINATE,
} from './chaos-sql.js'
import { sharedNow, type Holder, type Sighting } from './history.js'
import type { Backend } from './options.js'

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

interface HeldRow {
  readonly key: string
  readonly token: string
  readonly holder: string | null
  /** It names a member that is not there. */
  readonly is_orphan: boolean
}

/** `process 88 on web-3 (chaos w2.3)` */
function processOf(name: string): string | null {
  return /\(chaos (w\S+)\)$/.exec(name)?.[1] ?? null
}

/** Looks at the server past the network that chaos plays with. Every look may fail: the server may be gone. */
export class Watch {
  readonly sightings: Sighting[] = []
  readonly #url: () => string
  readonly #backend: Backend
  #client: pg.Client | null = null
  #isStopping = false
  #watching: Promise<void> | null = null

  /** `url` is asked for each connection: the server may be another one by then. */
  constructor(url: () => string, backend: Backend) {
    this.#url = url
    this.#backend = backend
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

  /** Whatever a worker has left in the server. `own` is the name of the application that cleans up. */
  async leftovers(own: string): Promise<readonly string[]> {
    const found = [
      ...(this.#backend === 'table' ? await this.#rows<{ what: string }>(LEFT_ROWS, [own]) : []),
      ...(await this.#rows<{ what: string }>(LEFT_LOCKS)),
      ...(await this.#rows<{ what: string }>(LEFT_SESSIONS)),
    ]
    return found.map(({ what }) => what)
  }

  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      try {
        this.sightings.push(await this.#look())
      } catch {
        // What was not seen says nothing.
      }
      await sleep(LOOK_EVERY_MS)
    }
  }

  async #look(): Promise<Sighting> {
    if (this.#backend === 'advisory') {
      const rows = await this.#rows<{ key: string }>(HELD_KEYS)
      return { at: sharedNow(), held: new Set(rows.map(({ key }) => key)) }
    }
    const rows = await this.#rows<HeldRow>(HELD_ROWS)
    const holders = rows
      .filter(({ holder, is_orphan: isOrphan }) => holder !== null || isOrphan)
      .map(({ key, token, holder }): [string, Holder] => [
        key,
        { process: holder === null ? null : processOf(holder), token },
      ])
    const at = sharedNow()
    const all = await this.#rows(ALL_ROWS)
    return { at, held: new Set(rows.map(({ key }) => key)), holders: new Map(holders), rows: all }
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
