import { startEmbeddedPostgres } from '../src/embedded/index.js'
import { LockPool } from '../src/index.js'
import { ACCEPTED, ADD_KEY, CREATE_TABLES } from './chaos-sql.js'
import type { ChaosServer, RoundPlan, RoundServer } from './chaos-server.js'
import { Cluster } from './cluster.js'
import type { Strike, Write } from './history.js'
import { Pooler } from './pooler.js'
import { PostgresLooks } from './postgres-looks.js'
import type { Scene, StrikeKind } from './strike-kind.js'
import { strikesOf } from './strikes.js'
import { withClient } from './with-client.js'

export class PostgresServer implements ChaosServer {
  readonly #cluster: Cluster

  private constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  static async start(): Promise<PostgresServer> {
    return new PostgresServer(await Cluster.startedBy(startEmbeddedPostgres))
  }

  async begin(plan: RoundPlan): Promise<RoundServer> {
    const cluster = this.#cluster
    await withClient(cluster.urlOf('postgres'), (client) => client.query(`CREATE DATABASE ${plan.name}`))
    await withClient(cluster.urlOf(plan.name), async (client) => {
      await client.query(CREATE_TABLES)
      for (let key = 1; key <= plan.keys; key++) await client.query(ADD_KEY, [String(key)])
    })
    const pooler = plan.backend === 'table' ? await Pooler.to(cluster.urlOf(plan.name)) : null
    return new PostgresRound(cluster, pooler, plan)
  }

  stop(): Promise<void> {
    return this.#cluster.stop()
  }
}

class PostgresRound implements RoundServer {
  readonly looks: PostgresLooks
  readonly #cluster: Cluster
  readonly #pooler: Pooler | null
  readonly #plan: RoundPlan

  constructor(cluster: Cluster, pooler: Pooler | null, plan: RoundPlan) {
    this.#cluster = cluster
    this.#pooler = pooler
    this.#plan = plan
    this.looks = new PostgresLooks(() => this.#directUrl, plan.backend)
  }

  get #directUrl(): string {
    return this.#cluster.urlOf(this.#plan.name)
  }

  get url(): string {
    return this.#pooler?.url ?? this.#directUrl
  }

  /** Behind a pooler, every other process listens without it, and the rest only poll. */
  listenUrlOf(index: number): string | null {
    return index % 2 === 0 ? (this.#pooler?.directUrl ?? null) : null
  }

  strikes(scene: Scene): readonly StrikeKind[] {
    return strikesOf({
      ...scene,
      cluster: this.#cluster,
      database: this.#plan.name,
      pooler: this.#pooler,
    })
  }

  async workersHaveGone(): Promise<readonly Strike[]> {
    return (await this.#pooler?.close()) ?? []
  }

  /** Any process cleans up the rows of killed processes. When all workers have ended, another process must do it. */
  async withJanitor<T>(janitor: string, look: () => Promise<T>): Promise<T> {
    const { backend, leaseMs } = this.#plan
    if (backend !== 'table') return look()
    const locks = new LockPool({ connection: this.#directUrl, applicationName: janitor, backend, leaseMs })
    try {
      await locks.ready()
      // This lock keeps the session alive, and with it the heartbeats that watch the others.
      await using _kept = await locks.acquire('janitor', { timeoutMs: 15_000 })
      return await look()
    } finally {
      await locks.close({ graceMs: 0 })
    }
  }

  acceptedWrites(): Promise<Write[]> {
    return withClient(this.#directUrl, async (client) => {
      const { rows } = await client.query<Omit<Write, 'token'> & { token: string }>(ACCEPTED)
      return rows.map((row) => ({ ...row, token: BigInt(row.token) }))
    })
  }

  /** Otherwise every replica would copy the database. */
  async remove(): Promise<void> {
    const { name } = this.#plan
    const url = this.#cluster.urlOf('postgres')
    await withClient(url, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
  }
}
