import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { sharedNow, type Moment } from '../chaos/history.js'
import { PROBE } from './ha-sql.js'
import type { NodePlan } from './cluster-config.js'

const EVERY_MS = 50
const LIMIT_MS = 1000

/**
 * Records when each node accepts writes, without any part of lockpool. It shows how long the database itself was away.
 */
export class Prober {
  readonly writes: { readonly at: Moment; readonly node: string }[] = []
  readonly #loops: Promise<void>[]
  #isOver = false

  constructor(nodes: readonly NodePlan[], urlOf: (node: NodePlan) => string) {
    this.#loops = nodes.map((node) => this.#watch(node.name, urlOf(node)))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
  }

  async #watch(node: string, url: string): Promise<void> {
    let client: pg.Client | null = null
    while (!this.#isOver) {
      try {
        client ??= await connected(url)
        await client.query(PROBE)
        this.writes.push({ at: sharedNow(), node })
      } catch (error) {
        // The connection to a standby stays open and is used again.
        if ((error as { code?: string }).code !== '25006') {
          void client?.end().catch(() => undefined)
          client = null
        }
      }
      await sleep(EVERY_MS)
    }
    await Promise.race([client?.end().catch(() => undefined), sleep(LIMIT_MS)])
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: LIMIT_MS,
    query_timeout: LIMIT_MS,
    application_name: 'prober',
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
