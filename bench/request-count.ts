import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { connectTo } from './server.js'

const OTHERS = `
SELECT count(*)::int AS figure
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

/** What this session has done so far is in the sum that follows. */
const FLUSH = `SELECT pg_stat_force_next_flush()`

const TRANSACTIONS = `
SELECT sum(xact_commit + xact_rollback)::float8 AS figure
FROM pg_stat_database`

const LOOK_EVERY_MS = 50
/** Not for ever: a server that others use as well has others who stay. */
const PATIENCE_MS = 5000

/** How much a server has been asked by all but the one who counts. */
export interface RequestCount extends AsyncDisposable {
  /** Exact if all whose requests count have left. */
  now(): Promise<number>
}

/** Transactions of a PostgreSQL. A session reports its own about once a second, and the rest before it ends. */
export class TransactionCount implements RequestCount {
  readonly #client: pg.Client
  readonly #othersAtFirst: number
  #own = 0

  private constructor(client: pg.Client, othersAtFirst: number) {
    this.#client = client
    this.#othersAtFirst = othersAtFirst
  }

  /** To be made before those connect who will be counted. */
  static async at(url: string): Promise<TransactionCount> {
    const client = await connectTo(url)
    const { rows } = await client.query<{ figure: number }>(OTHERS)
    return new TransactionCount(client, rows[0]!.figure)
  }

  async now(): Promise<number> {
    const until = performance.now() + PATIENCE_MS
    while ((await this.#ask(OTHERS)) > this.#othersAtFirst && performance.now() < until)
      await sleep(LOOK_EVERY_MS)
    await this.#ask(FLUSH)
    const own = this.#own
    return (await this.#ask(TRANSACTIONS)) - own
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }

  async #ask(statement: string): Promise<number> {
    const { rows } = await this.#client.query<{ figure: number }>(statement)
    this.#own++
    return rows[0]!.figure
  }
}
