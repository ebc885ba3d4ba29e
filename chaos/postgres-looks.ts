import pg from 'pg'
import {
  ACTIVITY,
  ALL_ROWS,
  HELD_KEYS,
  HELD_ROWS,
  LEFT_LOCKS,
  LEFT_ROWS,
  LEFT_SESSIONS,
  LOOKED,
  SESSIONS,
  TERMINATE,
} from './chaos-sql.js'
import { sharedNow, type Holder, type Sighting } from './history.js'
import type { Backend } from './options.js'
import { numberOf } from './lock-keys.js'
import { processOf } from './process-of.js'
import { STATEMENT_TIMEOUT_MS, type Looks, type SeenSession } from './watch.js'

interface SessionRow {
  readonly pid: number
  /** `chaos w2.3` for its pool, `chaos w2.3 data` for the row that it protects. */
  readonly name: string
  readonly listens: boolean
  readonly idles: boolean
}

interface HeldRow {
  readonly key: string
  readonly token: string
  readonly holder: string | null
  /** Whether the row names a member that does not exist. */
  readonly is_orphan: boolean
}

export class PostgresLooks implements Looks {
  readonly #url: () => string
  readonly #backend: Backend
  #client: pg.Client | null = null

  /** `url` is called for each connection, because the server may have changed. */
  constructor(url: () => string, backend: Backend) {
    this.#url = url
    this.#backend = backend
  }

  async look(): Promise<Sighting> {
    if (this.#backend !== 'table') {
      const rows = await this.#rows<{ key: string }>(HELD_KEYS)
      return { at: sharedNow(), held: new Set(rows.map(({ key }) => numberOf(key))) }
    }
    await this.#rows(LOOKED)
    const rows = await this.#rows<HeldRow>(HELD_ROWS)
    const holders = rows
      .filter(({ holder, is_orphan: isOrphan }) => holder !== null || isOrphan)
      .map(({ key, token, holder }): [string, Holder] => [
        key,
        { process: holder === null ? null : processOf(holder), token },
      ])
    const at = sharedNow()
    const all = [...(await this.#rows(ALL_ROWS)), ...(await this.#rows(ACTIVITY))]
    return { at, held: new Set(rows.map(({ key }) => key)), holders: new Map(holders), rows: all }
  }

  async sessions(): Promise<readonly SeenSession[]> {
    const rows = await this.#rows<SessionRow>(SESSIONS)
    return rows.map(({ pid, name, listens, idles }) => {
      const isData = name.endsWith('data')
      return { pid, isData, listens, idles, isOf: ({ process }) => name.startsWith(`chaos ${process}`) }
    })
  }

  async terminate(pids: readonly number[]): Promise<void> {
    await this.#rows(TERMINATE, [pids])
  }

  async leftovers(own: string): Promise<readonly string[]> {
    const found = [
      ...(this.#backend === 'table' ? await this.#rows<{ what: string }>(LEFT_ROWS, [own]) : []),
      ...(await this.#rows<{ what: string }>(LEFT_LOCKS)),
      ...(await this.#rows<{ what: string }>(LEFT_SESSIONS)),
    ]
    return found.map(({ what }) => what)
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => undefined)
    this.#client = null
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
