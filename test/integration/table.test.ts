import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { LockPool, type LockPoolOptions } from '../../src/postgres-lock-pool.js'
import { lockpool } from '../support/command-line.js'
import { createDatabase, type TestDatabase } from '../support/database.js'
import { lossOf } from '../support/lock-world.js'
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.js'

let database: TestDatabase
let bouncer: PgBouncer | null = null
const pools: LockPool[] = []

beforeAll(async () => {
  database = await createDatabase()
  if (hasPgBouncer)
    bouncer = await PgBouncer.to(database.url, { pool_mode: 'transaction', default_pool_size: 2 })
})

afterAll(async () => {
  await bouncer?.[Symbol.asyncDispose]()
  await database.drop()
})

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ graceMs: 0 })))
  try {
    await expect.poll(leftovers, { timeout: 10_000 }).toEqual([])
  } finally {
    // A row that one test has left must not fail the next test.
    await database.query('DELETE FROM lockpool.member')
  }
})

/** Returns all held or wanted rows, and the members that have not left. */
async function leftovers(): Promise<unknown[]> {
  const { rows } = await database.query(
    `SELECT 'lease' AS what, key::text FROM lockpool.lease
     WHERE owner IS NOT NULL OR cardinality(readers) > 0 OR cardinality(waiters) > 0
     UNION ALL SELECT 'member', name FROM lockpool.member WHERE NOT dead`,
  )
  return rows
}

function pool(url: string, options: LockPoolOptions = {}): LockPool {
  const made = new LockPool({
    connection: url,
    backend: 'table',
    applicationName: 'lockpool test',
    ...options,
  })
  pools.push(made)
  return made
}

describe.each([
  ['directly', () => database.url, true],
  ['through PgBouncer in transaction mode', () => bouncer!.url, hasPgBouncer],
] as const)('%s', (_, urlOf, isThere) => {
  test.runIf(isThere)('one process holds a lock, another waits for it, and tokens grow', async () => {
    const [a, b] = [pool(urlOf()), pool(urlOf())]
    const first = await a.acquire('orders')
    expect(await b.tryAcquire('orders')).toBeNull()
    const waiting = b.acquire('orders')
    await pause(50)
    await first.release()
    const second = await waiting
    expect(second.token).toBeGreaterThan(first.token)
    await second.release()
  })

  test.runIf(isThere)('a pool that is closed while it opens a session leaves no member', async () => {
    for (let delayMs = 0; delayMs < 40; delayMs++) {
      const locks = pool(urlOf(), { max: 3 })
      const gone = locks.acquire('orders').catch(() => undefined)
      await pause(delayMs)
      await locks.close({ graceMs: 0 })
      await gone
    }
    expect(await leftovers()).toEqual([])
  })

  test.runIf(isThere)('a thousand callers over few connections', async () => {
    const locks = pool(urlOf(), { max: 3 })
    let inside = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 1000 }, (_unused, i) =>
        locks.withLock(`key ${i % 500}`, async () => {
          most = Math.max(most, ++inside)
          await pause(1)
          inside--
        }),
      ),
    )
    expect(most).toBeGreaterThan(100)
    expect(locks.connections.totalCount).toBeLessThanOrEqual(3)
  })

  test.runIf(isThere)('a counter under a hot lock of four pools is never wrong', async () => {
    const all = Array.from({ length: 4 }, () => pool(urlOf(), { max: 2 }))
    let inside = 0
    let count = 0
    await Promise.all(
      all.map(async (locks) => {
        for (let i = 0; i < 25; i++) {
          await locks.withLock('hot', async () => {
            expect(++inside).toBe(1)
            await pause(0)
            count++
            inside--
          })
        }
      }),
    )
    expect(count).toBe(100)
  })

  test.runIf(isThere)('readers share, and a writer follows when they have released', async () => {
    const [a, b] = [pool(urlOf()), pool(urlOf())]
    const one = await a.acquire('doc', { mode: 'shared' })
    const two = await b.acquire('doc', { mode: 'shared' })
    const writer = a.acquire('doc')
    await pause(50)
    await one.release()
    await two.release()
    await (await writer).release()
  })

  test.runIf(isThere)('a semaphore counts over processes', async () => {
    const [a, b] = [pool(urlOf()), pool(urlOf())]
    const [one, two] = [a.semaphore('gpu', 2), b.semaphore('gpu', 2)]
    const first = await one.acquire()
    const second = await two.acquire()
    expect(await one.tryAcquire()).toBeNull()
    const third = one.acquire()
    await pause(50)
    await second.release()
    await (await third).release()
    await first.release()
  })

  test.runIf(isThere)('many locks at once are all acquired or none', async () => {
    const [a, b] = [pool(urlOf()), pool(urlOf())]
    const take = async (locks: LockPool, keys: string[]): Promise<void> => {
      for (let i = 0; i < 10; i++) await (await locks.acquireAll(keys)).release()
    }
    await Promise.all([take(a, ['x', 'y', 'z']), take(b, ['z', 'y', 'x'])])
  })

  test.runIf(isThere)(
    'a member that others have expired learns of its loss, and the lock goes to the next',
    async () => {
      const [a, b] = [pool(urlOf(), { leaseMs: 1000 }), pool(urlOf(), { leaseMs: 1000 })]
      const held = await a.acquire('orders')
      const lost = lossOf(held)
      const waiting = b.acquire('orders')
      await pause(50)
      await database.query(`UPDATE lockpool.member SET dead = true WHERE id = $1`, [
        a.snapshot().sessions[0]!.serverId,
      ])

      await lost
      const next = await waiting
      expect(next.token).toBeGreaterThan(held.token)
      await next.release()
    },
  )

  test.runIf(isThere)('inspection shows held and wanted locks by name, with their holders', async () => {
    const [a, b] = [pool(urlOf()), pool(urlOf())]
    const held = await a.acquire('orders')
    const waiting = b.acquire('orders')
    await expect
      .poll(() => a.inspect())
      .toMatchObject([
        {
          title: 'orders',
          holders: [
            {
              mode: 'exclusive',
              session: { application: 'lockpool test', isLockSession: true, process: { id: process.pid } },
            },
          ],
          waiters: [{ mode: 'exclusive', isOutside: true }],
        },
      ])
    await held.release()
    await (await waiting).release()
  })

  test.runIf(isThere)('leaders are elected, and their names are known', async () => {
    const [a, b] = [pool(urlOf()), pool(urlOf())]
    const led: string[] = []
    const campaigns = [a, b].map((each, i) =>
      each.campaign('leader', {
        name: `candidate ${i}`,
        onElected: () => void led.push(`candidate ${i}`),
      }),
    )
    await expect.poll(() => led.length).toBe(1)
    await expect.poll(() => campaigns[0]!.leader()).toMatchObject({ name: led[0] })
    await Promise.all(campaigns.map((each) => each.resign()))
  })
})

test("a command can take a lock away by ending the holder's session", async () => {
  const locks = pool(database.url, { leaseMs: 1000 })
  const lock = await locks.acquire('stuck')
  const lost = lossOf(lock)

  const run = lockpool(['break', 'stuck', '--url', database.url, '--yes'])

  expect(await run.ended, run.out + run.err).toBe(0)
  await lost
})

test('a role without rights locks where an administrator has installed what it needs', async () => {
  await using empty = await createDatabase()
  await empty.query(
    `DO $$ BEGIN CREATE ROLE table_user LOGIN PASSWORD 'secret'; EXCEPTION WHEN duplicate_object THEN END $$`,
  )
  const url = new URL(empty.url)
  url.username = 'table_user'
  url.password = 'secret'
  const refused = new LockPool({ connection: url.href, backend: 'table' })
  await expect(refused.acquire('orders')).rejects.toThrow(/lockpool install --backend table/)
  await refused.close()

  const run = lockpool(['install', '--backend', 'table', '--role', 'table_user', '--url', empty.url])
  expect(await run.ended, run.err).toBe(0)

  const locks = new LockPool({ connection: url.href, backend: 'table' })
  await locks.withLock('orders', async (lock) => expect(lock.token).toBeGreaterThan(0n))
  await locks.close()
  await empty.drop()
  await database.query('DROP ROLE table_user')
})
