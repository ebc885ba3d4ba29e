import { LockPool } from '../../src/mysql-lock-pool.js'
import { noMariaDb, OwnMariaDb } from '../../test/support/own-mariadb.js'
import type { ChaosServer, RoundPlan, RoundServer } from '../chaos-server.js'
import type { Strike, Write } from '../history.js'
import { bound, type Scene, type StrikeKind } from '../strike-kind.js'
import { CLOCK_STRIKE, NETWORK_STRIKES, WORKER_STRIKES } from '../worker-strikes.js'
import { ACCEPTED, ADD_KEY, CREATE_TABLES, createDatabase, createUser, dropDatabase } from './chaos-sql.js'
import { MariaDbLooks } from './mariadb-looks.js'
import { MARIADB_STRIKES } from './mariadb-strikes.js'
import { PatientConnection } from './patient-connection.js'
import { asUser, DATA_USER, JANITOR_USER } from './users.js'

/** A commit is on disk before it is confirmed: tokens and rows must outlive a crash. */
const SETTINGS = ['innodb-flush-log-at-trx-commit=1', 'max-connections=200']

export class MariaDbServer implements ChaosServer {
  readonly #server: OwnMariaDb

  private constructor(server: OwnMariaDb) {
    this.#server = server
  }

  static async start(): Promise<MariaDbServer> {
    if (noMariaDb !== null) throw new Error(noMariaDb)
    const server = await OwnMariaDb.start(...SETTINGS)
    for (const statement of [DATA_USER, JANITOR_USER].flatMap(createUser)) await server.query(statement)
    return new MariaDbServer(server)
  }

  async begin(plan: RoundPlan): Promise<RoundServer> {
    await this.#server.query(createDatabase(plan.name))
    const round = new MariaDbRound(this.#server, plan)
    await round.fill()
    return round
  }

  async stop(): Promise<void> {
    await this.#server[Symbol.asyncDispose]()
  }
}

class MariaDbRound implements RoundServer {
  readonly url: string
  readonly looks: MariaDbLooks
  readonly #server: OwnMariaDb
  readonly #plan: RoundPlan

  constructor(server: OwnMariaDb, plan: RoundPlan) {
    this.#server = server
    this.#plan = plan
    this.url = `${server.url}/${plan.name}`
    this.looks = new MariaDbLooks(server.url, plan)
  }

  listenUrlOf(): string | null {
    return null
  }

  async fill(): Promise<void> {
    await this.#ask(async (connection) => {
      for (const statement of CREATE_TABLES) await connection.say(statement)
      for (let key = 1; key <= this.#plan.keys; key++) await connection.say(ADD_KEY, [String(key)])
    })
  }

  strikes(scene: Scene): readonly StrikeKind[] {
    const ofServer = bound(MARIADB_STRIKES, { ...scene, server: this.#server, looks: this.looks })
    return [...WORKER_STRIKES, ...NETWORK_STRIKES, ...ofServer, CLOCK_STRIKE]
  }

  workersHaveGone(): Promise<readonly Strike[]> {
    return Promise.resolve([])
  }

  /** Any process cleans up the rows of killed processes. When all workers have ended, another process must do it. */
  async withJanitor<T>(janitor: string, look: () => Promise<T>): Promise<T> {
    const { backend, leaseMs } = this.#plan
    if (backend !== 'table') return look()
    const connection = asUser(this.url, JANITOR_USER)
    const locks = new LockPool({ connection, applicationName: janitor, backend, leaseMs })
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
    return this.#ask(async (connection) => {
      const rows = await connection.say(ACCEPTED)
      return rows.map(([key, ask, token, value]) => ({
        key: String(key),
        ask: String(ask),
        token: BigInt(token!),
        value: Number(value),
      }))
    })
  }

  async remove(): Promise<void> {
    await this.#server.query(dropDatabase(this.#plan.name))
  }

  async #ask<T>(use: (connection: PatientConnection) => Promise<T>): Promise<T> {
    const connection = new PatientConnection(this.url)
    try {
      return await use(connection)
    } finally {
      await connection.close()
    }
  }
}
