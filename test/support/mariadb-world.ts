import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { LockPool, type LockPoolOptions } from '../../src/mysql-lock-pool.js'
import { OwnMariaDb } from './own-mariadb.js'

/**
 * A MariaDB for the tests of one file, and pools on it. After each test all pools are closed, and no named lock may be
 * left.
 */
export class MariaDbWorld {
  server!: OwnMariaDb
  url!: string
  readonly #pools: LockPool[] = []

  pool(options: LockPoolOptions = {}): LockPool {
    const pool = new LockPool({ connection: this.url, ...options })
    this.#pools.push(pool)
    return pool
  }

  /** The ids of the pools' connections on the server. */
  async sessions(): Promise<number[]> {
    const rows = await this.server.query<{ id: number }>(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB LIKE 'lockpool_test%'`,
    )
    return rows.map(({ id }) => id)
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#pools.splice(0).map((pool) => pool.close({ graceMs: 0 })))
    await expect.poll(() => this.sessions(), { timeout: 5000 }).toEqual([])
    expect(await this.server.namedLocks()).toEqual([])
  }
}

export function mariaDbWorld(...settings: string[]): MariaDbWorld {
  const world = new MariaDbWorld()
  beforeAll(async () => {
    world.server = await OwnMariaDb.start(...settings)
    world.url = await world.server.createDatabase()
  })
  afterEach(() => world.closeAll())
  afterAll(() => world.server[Symbol.asyncDispose]())
  return world
}
