import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { connectTo } from './server.js'

const OTHERS = `
SELECT count(*)::int AS figure
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

/** Adds the transactions of this session so far to the sum that the next statement reads. */
const FLUSH = `SELECT pg_stat_force_next_flush()`

const TRANSACTIONS = `
SELECT sum(xact_commit + xact_rollback)::float8 AS figure
FROM pg_stat_database`

const LOOK_EVERY_MS = 50
/** A limit, because other users of the server may stay connected. */
const PATIENCE_MS = 5000

/** Counts the requests to a server, without those of the counting session. */
export interface RequestCount extends AsyncDisposable {
  /** Returns the count. It is exact if all counted sessions have ended. */
  now(): Promise<number>
}

/**
 * Counts the transactions of a PostgreSQL. A session reports its own about once a second, and the rest when it ends.
 */
export class TransactionCount implements RequestCount {
  readonly #client: pg.Client
  readonly #othersAtFirst: number
  #own = 0

  private constructor(client: pg.Client, othersAtFirst: number) {
    this.#client = client
    this.#othersAtFirst = othersAtFirst
  }

  /** Call it before the sessions connect that it counts. */
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
