/**
 * Locks in rows, through PgBouncer in transaction mode, while the test stops or kills processes, the pooler and server
 * sessions.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import type { Prepared } from '../../src/dialect/postgres/connection/own-query.js'
import type { StatementRunner } from '../../src/dialect/postgres/table/statement-runner.js'
import { moveRows } from '../../src/dialect/postgres/table/generation.js'
import { tidyRows } from '../../src/dialect/postgres/table/tidy.js'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { script } from '../support/command-line.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.js'

let database: TestDatabase
let bouncer: PgBouncer
const pools: LockPool[] = []

function pool(options: LockPoolOptions = {}): LockPool {
  const made = new LockPool({ connection: bouncer.url, backend: 'table', leaseMs: 3000, ...options })
  pools.push(made)
  return made
}

const REMOVE_ALL = { kept: 0, atOnce: 100 }

/** Moves all rows, as the first member. */
async function moveOn(runner: StatementRunner): Promise<void> {
  const { rows } = await database.query<{ id: string; generation: string }>(
    'SELECT id, member.generation FROM lockpool.member ORDER BY id LIMIT 1',
  )
  // It gives up if a statement of a member takes too long.
  await moveRows(runner, rows[0]!.id, rows[0]!.generation).catch(() => undefined)
}

/** Holds a lock and prints that, and prints the loss if the lock is lost. */
const HOLDER = `
  import { LockPool } from 'lockpool'
  const locks = new LockPool({ connection: process.env.TEST_URL, backend: 'table', leaseMs: 1500 })
  const lock = await locks.acquire('orders')
  lock.signal.addEventListener('abort', () => console.log('lost at ' + Date.now()))
  console.log('held ' + lock.token)
  setInterval(() => undefined, 1000)`

describe.runIf(hasPgBouncer)('behind a pooler that assigns server sessions per transaction', () => {
  beforeAll(async () => {
    database = await createDatabase()
    bouncer = await PgBouncer.to(database.url, { pool_mode: 'transaction', default_pool_size: 3 })
  })

  afterEach(async () => {
    await Promise.all(pools.splice(0).map((each) => each.close({ graceMs: 0 })))
  })

  afterAll(async () => {
    await bouncer[Symbol.asyncDispose]()
    await database.drop()
  })

  test('a killed process keeps its lock until its lease ends, and then its member row is removed', async () => {
    const locks = pool({ leaseMs: 1500 })
    await locks.ready()
    const victim = script(HOLDER, { TEST_URL: bouncer.url })
    await victim.says('held')
    const token = BigInt(/held (\d+)/.exec(victim.out.toString())![1]!)
    const since = performance.now()
    victim.kill('SIGKILL')

    const lock = await locks.acquire('orders', { timeoutMs: 20_000 })

    expect(performance.now() - since).toBeGreaterThan(900)
    expect(lock.token).toBeGreaterThan(token)
    await lock.release()
    const { rows } = await database.query(`SELECT name FROM lockpool.member`)
    expect(rows, 'the one that is dead was cleaned up behind').toHaveLength(1)
  })

  test('a stopped process loses its lock before another process gets it, and learns of that when it continues', async () => {
    const locks = pool({ leaseMs: 1500 })
    await locks.ready()
    const victim = script(HOLDER, { TEST_URL: bouncer.url })
    await victim.says('held')
    victim.kill('SIGSTOP')
    const lock = await locks.acquire('orders', { timeoutMs: 20_000 })
    victim.kill('SIGCONT')

    await victim.says('lost')
    expect(lock.state).toBe('held')
    victim.kill('SIGKILL')
    await lock.release()
  })

  test('a pooler that crashes and comes back costs no lock', async () => {
    const locks = pool()
    const held = await Promise.all([1, 2, 3].map((i) => locks.acquire(`kept ${i}`)))
    await bouncer.restart()
    const more = await locks.acquire('after it')

    expect(held.map(({ state }) => state)).toEqual(['held', 'held', 'held'])
    await Promise.all([...held, more].map((lock) => lock.release()))
  })

  test('when server sessions are ended all the time, no lock is lost or overlaps, and every answer is right', async () => {
    const all = [pool({ max: 3 }), pool({ max: 3 })]
    const inside = new Map<string, number>()
    const last = new Map<string, bigint>()
    let grants = 0
    let isOver = false
    const strike = async (): Promise<void> => {
      while (!isOver) {
        const before = grants
        await pause(40)
        // On a busy machine a connection may take longer than 40 ms to open. So the test waits up to a second for the
        // next grant.
        for (let looks = 0; looks < 50 && grants === before && !isOver; looks++) await pause(20)
        await database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`,
        )
      }
    }
    const work = async (locks: LockPool): Promise<void> => {
      while (!isOver) {
        const key = `key ${Math.floor(Math.random() * 5)}`
        const lock = await locks.acquire(key, { timeoutMs: 20_000 })
        expect(inside.get(key) ?? 0).toBe(0)
        inside.set(key, 1)
        expect(lock.token > (last.get(key) ?? 0n)).toBe(true)
        last.set(key, lock.token)
        await pause(1)
        inside.set(key, 0)
        await lock.release()
        grants++
      }
    }
    const striking = strike()
    const working = all.flatMap((locks) => [work(locks), work(locks), work(locks)])
    // This takes as long as it takes. If the pools make no progress, the test runs into its timeout.
    while (grants < 25) await pause(50)
    isOver = true
    await Promise.all([striking, ...working])
  })

  test.each([
    ['rows without a holder are removed', (runner: StatementRunner) => tidyRows(runner, REMOVE_ALL)],
    ['rows move to another generation', moveOn],
  ])('when %s all the time, tokens still grow and nothing overlaps', async (_what, disturb) => {
    const all = [pool({ max: 3 }), pool({ max: 3 })]
    await Promise.all(all.map((locks) => locks.ready()))
    const client = new pg.Client(database.url)
    await client.connect()
    const runner = {
      rows: async ({ text }: Prepared, values: unknown[]) => (await client.query(text, values)).rows,
      rowsAtLast: async ({ text }: Prepared, values: unknown[]) => (await client.query(text, values)).rows,
      on: (use: (connection: pg.Client) => unknown) => use(client),
    } as unknown as StatementRunner
    const inside = new Set<string>()
    const last = new Map<string, bigint>()
    let isOver = false
    let readers = 0
    let writers = 0
    const keys = [0, 1, 2, 3, 4, 5].map((at) => `row ${at}`)
    // The order of the keys is fixed, and each worker locks all keys at least once. So a slow machine has locked every key too.
    const work = async (locks: LockPool, from: number, step: 1 | 5): Promise<void> => {
      for (let turn = 0; !isOver || turn < keys.length; turn++) {
        const key = keys[(from + turn * step) % keys.length]!
        const lock = await locks.acquire(key, { timeoutMs: 20_000 })
        expect(inside.has(key)).toBe(false)
        inside.add(key)
        expect(lock.token > (last.get(key) ?? 0n), `${key}: ${lock.token} after ${last.get(key)}`).toBe(true)
        last.set(key, lock.token)
        await pause(1)
        inside.delete(key)
        await lock.release()
      }
    }
    const read = async (locks: LockPool): Promise<void> => {
      while (!isOver)
        await locks.withLock('read', { mode: 'shared', timeoutMs: 20_000 }, async () => {
          readers++
          expect(writers).toBe(0)
          await pause(2)
          readers--
        })
    }
    const write = async (locks: LockPool): Promise<void> => {
      while (!isOver)
        await locks.withLock('read', { timeoutMs: 20_000 }, async () => {
          writers++
          expect([readers, writers]).toEqual([0, 1])
          await pause(1)
          writers--
        })
    }
    const seats = async (locks: LockPool): Promise<void> => {
      while (!isOver) await locks.semaphore('seats', 3).withPermit({ timeoutMs: 20_000 }, () => pause(1))
    }
    const working = all.flatMap((locks, at) => [
      work(locks, at, 1),
      work(locks, at + 2, 5),
      work(locks, at + 4, 1),
      seats(locks),
      read(locks),
      read(locks),
      write(locks),
    ])
    let disturbances = 0
    const worked = Promise.all(working)
    try {
      for (const until = performance.now() + 3000; performance.now() < until; await pause(2)) {
        await disturb(runner)
        disturbances++
      }
    } finally {
      isOver = true
      await client.end()
    }
    await worked
    expect(disturbances).toBeGreaterThan(20)
    expect(last.size).toBe(keys.length)
  })

  test('serializable transactions by default change only how often statements are sent', async () => {
    const name = new URL(database.url).pathname.slice(1)
    await database.query(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`)
    await bouncer.restart()
    const all = [pool({ max: 3 }), pool({ max: 3 })]
    let inside = 0
    await Promise.all(
      all.map(async (locks) => {
        for (let i = 0; i < 20; i++) {
          await Promise.all([
            locks.withLock('hot', async () => {
              expect(++inside).toBe(1)
              await pause(1)
              inside--
            }),
            ...[1, 2, 3, 4].map((at) => locks.withLock(`own ${i} ${at}`, () => pause(0))),
          ])
        }
      }),
    )
    await database.query(`ALTER DATABASE ${name} RESET default_transaction_isolation`)
  })
})
