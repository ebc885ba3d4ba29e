import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const COUNT = `
SELECT count(*)::int AS count
FROM pg_stat_activity
WHERE application_name = $1`

const FACTS = `
SELECT
  current_setting('server_version') AS version,
  current_setting('fsync') AS fsync,
  current_setting('synchronous_commit') AS synchronous_commit`

/** Often enough to see a connection that is open for a moment, and seldom enough not to disturb the measurement. */
const SAMPLE_MS = 50

/** The settings of the server that the results depend on. */
export interface ServerFacts {
  readonly version: string
  readonly fsync: string
  readonly synchronous_commit: string
}

export async function connectTo(url: string, config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, ...config })
  await client.connect()
  return client
}

export async function serverFacts(url: string): Promise<ServerFacts> {
  const client = await connectTo(url)
  const { rows } = await client.query<ServerFacts>(FACTS)
  await client.end()
  return rows[0]!
}

/** Counts the connections of one application at the server, repeatedly until `stop`. */
export class ConnectionWatch {
  readonly #samples: number[] = []
  readonly #enough = new AbortController()
  readonly #done: Promise<void>

  constructor(url: string, applicationName: string) {
    this.#done = this.#watch(url, applicationName)
  }

  /** Returns the largest count, and the number of samples. */
  async stop(): Promise<{ readonly most: number; readonly looks: number }> {
    this.#enough.abort()
    await this.#done
    return { most: Math.max(...this.#samples), looks: this.#samples.length }
  }

  async #watch(url: string, applicationName: string): Promise<void> {
    const { signal } = this.#enough
    const client = await connectTo(url)
    while (!signal.aborted) {
      const { rows } = await client.query<{ count: number }>(COUNT, [applicationName])
      this.#samples.push(rows[0]!.count)
      await sleep(SAMPLE_MS, undefined, { signal }).catch(() => undefined)
    }
    await client.end()
  }
}
