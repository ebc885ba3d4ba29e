import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { LockKey } from '../../src/dialect/lock-key.js'
import type { Lock } from '../../src/lock/handle/lock.js'
import { POOL_CLASS, SHARE_CLASS } from '../../src/dialect/postgres/keys/key.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { createDatabase, type TestDatabase } from './database.js'

/** The application name of a test's pools in `pg_stat_activity`. */
const APPLICATION = 'lockpool test'

/**
 * A database for the tests of one file, and pools on it. After each test all pools are closed, and no session and no
 * lock of them may be left on the server.
 */
export class LockWorld {
  database!: TestDatabase
  readonly #pools: LockPool[] = []

  async begin(): Promise<void> {
    this.database = await createDatabase()
  }

  pool(options: LockPoolOptions = {}): LockPool {
    const pool = new LockPool({ connection: this.database.url, applicationName: APPLICATION, ...options })
    this.#pools.push(pool)
    return pool
  }

  /** The backend pids of the pools' sessions. */
  async sessions(): Promise<number[]> {
    const { rows } = await this.database.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()`,
      [APPLICATION],
    )
    return rows.map(({ pid }) => pid)
  }

  /** The held advisory locks on the server, including waiter registrations, and without the announcements of pools. */
  async locks(): Promise<{ pid: number; classid: string; objid: string; objsubid: number; mode: string }[]> {
    const { rows } = await this.database.query<{
      pid: number
      classid: string
      objid: string
      objsubid: number
      mode: string
    }>(
      `SELECT pid, classid::int8, objid::int8, objsubid, mode FROM pg_locks
       WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND NOT (objsubid = 2 AND classid::int8 = ANY ($1))`,
      [[POOL_CLASS, SHARE_CLASS]],
    )
    return rows
  }

  /** Resolves when exactly one session with this application name waits for a lock on the server. */
  async waitsInServer(applicationName: string = APPLICATION): Promise<void> {
    const count = async (): Promise<unknown> => {
      const { rows } = await this.database.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity
         WHERE application_name = $1 AND wait_event_type = 'Lock' AND datname = current_database()`,
        [applicationName],
      )
      return rows[0]!.n
    }
    await expect.poll(count, { timeout: 10_000 }).toBe(1)
  }

  /** The major version of the server, such as 18. */
  async version(): Promise<number> {
    const { rows } = await this.database.query<{ n: number }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS n`,
    )
    return rows[0]!.n
  }

  async terminate(...pids: number[]): Promise<void> {
    await this.database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids])
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#pools.splice(0).map((pool) => pool.close({ graceMs: 0 })))
    await expect.poll(() => this.sessions(), { timeout: 5000 }).toEqual([])
    expect(await this.locks()).toEqual([])
  }
}

export function lockWorld(): LockWorld {
  const world = new LockWorld()
  beforeAll(() => world.begin())
  afterEach(() => world.closeAll())
  afterAll(() => world.database.drop())
  return world
}

/** Resolves when the lock is lost. Returns how many milliseconds that took. */
export function lossOf(lock: Pick<Lock, 'signal'>): Promise<number> {
  const since = performance.now()
  return new Promise((resolve) => {
    lock.signal.addEventListener('abort', () => resolve(performance.now() - since), { once: true })
  })
}

/** Acquires a lock as an application does that retries while the server is unavailable. */
export async function acquireWhenUp(locks: LockPool, key: LockKey): Promise<Lock> {
  for (;;) {
    try {
      return await locks.acquire(key)
    } catch (error) {
      expect(error).toMatchObject({ code: 'CONNECTION_FAILED' })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
