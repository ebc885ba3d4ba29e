import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { cached, type Cache } from '../../examples/cache-without-stampede.js'
import { CRON_TABLE, runOnce } from '../../examples/cron-on-one-node.js'
import { shutDown } from '../../examples/graceful-shutdown.js'
import { leadAndWrite, SETTING_TABLE, writeAsLeader } from '../../examples/leader-with-fencing.js'
import { migrate } from '../../examples/migrate-once.js'
import { customerService, type Serve } from '../../examples/one-customer-at-a-time.js'
import { JOB_TABLE, workOnce } from '../../examples/queue-worker.js'
import { atRate } from '../../examples/rate-limit.js'
import { SQL_KEY, statementFor } from '../../examples/shared-with-other-languages.js'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

/** One pool for each node of a small fleet. */
const nodes = (): LockPool[] => [1, 2, 3].map(() => world.pool())

test('cron on one node: nodes whose clocks differ run a job once for each time that it is due', async () => {
  await world.database.query(CRON_TABLE)
  const fleet = nodes()
  const runs: string[] = []
  for (const minute of ['12:00', '12:01']) {
    const due = new Date(`2026-01-01T${minute}:00Z`)
    const job = async (): Promise<void> => void runs.push(minute)
    await Promise.all(fleet.map((locks) => runOnce(locks, 'report', due, job)))
    expect(await runOnce(fleet[0]!, 'report', due, job), 'a node that comes late').toBe(false)
  }

  expect(runs).toEqual(['12:00', '12:01'])
})

test('cron on one node: a run that failed is due again', async () => {
  await world.database.query(CRON_TABLE)
  const locks = world.pool()
  const due = new Date()
  await expect(runOnce(locks, 'fails', due, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')

  expect(await runOnce(locks, 'fails', due, () => Promise.resolve())).toBe(true)
})

test('migrations run once, in order, however many instances start together', async () => {
  const migrations = [
    { name: '1', sql: 'CREATE TABLE customer (id int)' },
    { name: '2', sql: 'ALTER TABLE customer ADD COLUMN name text' },
  ]

  const done = await Promise.all(nodes().map((locks) => migrate(locks, migrations)))

  expect(done.flat()).toEqual(['1', '2'])
  expect(done.filter((each) => each.length > 0)).toHaveLength(1)
})

/** Starts two instances of the service. Returns a function for each instance that sends it a request. */
async function services(serve: Serve, waitMs: number): Promise<((customer: string) => Promise<Response>)[]> {
  const pools = await Promise.all([world.pool().ready(), world.pool().ready()])
  const started: Server[] = pools.map((locks) => customerService(locks, serve, waitMs))
  return Promise.all(
    started.map(async (server) => {
      onTestFinished(async () => {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as AddressInfo
      return (customer: string) => fetch(`http://127.0.0.1:${port}/customers/${customer}`, { method: 'POST' })
    }),
  )
}

test('requests of one customer are served one after the other, by all instances, those of others meanwhile', async () => {
  const active = new Map<string, number>()
  let most = 0
  let mostOfAll = 0
  const asked = await services(async (customer) => {
    active.set(customer, (active.get(customer) ?? 0) + 1)
    most = Math.max(most, active.get(customer)!)
    mostOfAll = Math.max(
      mostOfAll,
      [...active.values()].reduce((sum, each) => sum + each),
    )
    await pause(20)
    active.set(customer, active.get(customer)! - 1)
    return customer
  }, 20_000)

  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) => asked[i % 2]!(['a', 'b', 'c'][i % 3]!).then(({ status }) => status)),
  )

  expect(new Set(answers)).toEqual(new Set([200]))
  expect(most).toBe(1)
  expect(mostOfAll).toBeGreaterThan(1)
})

test('a request that would wait too long gets the advice to come back', async () => {
  let finish: (() => void) | null = null
  const serve = (): Promise<string> => new Promise((resolve) => (finish = () => resolve('done')))
  const [first, second] = await services(serve, 1000)
  const served = first!('a')
  await expect.poll(() => finish).not.toBe(null)

  const refused = await second!('a')

  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  finish!()
  expect(await (await served).text()).toBe('done')
})

test('a cache entry that all processes miss is computed once', async () => {
  const entries = new Map<string, string>()
  const cache: Cache = {
    get: (key) => Promise.resolve(entries.has(key) ? { value: entries.get(key)!, isStale: false } : null),
    set: (key, value) => Promise.resolve(void entries.set(key, value)),
  }
  let computed = 0
  const compute = (): Promise<string> => pause(20).then(() => `value ${++computed}`)

  const values = await Promise.all(
    nodes().flatMap((locks) => Array.from({ length: 50 }, () => cached(locks, cache, 'page', compute))),
  )

  expect(new Set(values)).toEqual(new Set(['value 1']))
})

test('a caller that would wait too long for a new value gets the old one', async () => {
  const cache: Cache = {
    get: () => Promise.resolve({ value: 'old', isStale: true }),
    set: () => Promise.resolve(),
  }
  await using _slow = await world.pool().acquire('cache page')

  expect(await cached(world.pool(), cache, 'page', () => Promise.resolve('new'), 50)).toBe('old')
})

test('a leader hands over when its pool is closed, and its later writes are refused', async () => {
  await world.database.query(SETTING_TABLE)
  const [a, b] = [world.pool(), world.pool()]
  const value = async (): Promise<string | undefined> =>
    (await world.database.query<{ value: string }>('SELECT value FROM setting')).rows[0]?.value
  const first = leadAndWrite(a, 'first', 5)
  await expect.poll(value).toBe('first')
  const { term } = first
  leadAndWrite(b, 'second', 5)

  await a.close()
  await expect.poll(value).toBe('second')

  await expect(writeAsLeader(b, term!, 'late')).rejects.toMatchObject({ code: 'STALE_TOKEN' })
  expect(await value()).toBe('second')
})

test('workers of a queue do each job once, and a job whose work fails is there again', async () => {
  await world.database.query(JOB_TABLE)
  await world.database.query(`INSERT INTO job (task) SELECT 'task ' || i FROM generate_series(1, 20) AS i`)
  await expect(workOnce(world.pool(), () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  const done: string[] = []
  const worker = async (locks: LockPool): Promise<void> => {
    while ((await workOnce(locks, async ({ task }) => void done.push(task))) !== null);
  }

  await Promise.all(nodes().map(worker))

  expect(done).toHaveLength(20)
  expect(new Set(done).size).toBe(20)
})

test('in no window do more calls begin than the limit allows, by all processes together', async () => {
  const [LIMIT, WINDOW_MS] = [3, 200]
  const began: number[] = []
  const call = async (): Promise<void> => void began.push(performance.now())

  await Promise.all(
    nodes().flatMap((locks) =>
      Array.from({ length: 4 }, () => atRate(locks.semaphore('service', LIMIT), WINDOW_MS, call)),
    ),
  )

  const gaps = began.slice(LIMIT).map((time, i) => time - began[i]!)
  expect(began).toHaveLength(12)
  // A timer can fire up to a millisecond early.
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(WINDOW_MS - 1)
})

test('a failed call releases its permit, and its error reaches the caller', async () => {
  const limit = world.pool().semaphore('service', 1)

  await expect(atRate(limit, 1, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')

  expect(await atRate(limit, 1, () => Promise.resolve('next'))).toBe('next')
})

test('a shutdown waits for running work, and releases everything', async () => {
  const locks = world.pool()
  const order: string[] = []
  const work = locks.withLock('work', () => pause(50).then(() => order.push('work ended')))
  await expect.poll(() => locks.snapshot().held).toBe(1)

  await shutDown(locks, () => work.then(() => void order.push('intake stopped')))

  expect(order).toEqual(['work ended', 'intake stopped'])
  expect(await world.locks()).toEqual([])
  await expect(locks.acquire('work')).rejects.toMatchObject({ code: 'POOL_CLOSED' })
})

test('a shutdown releases everything even if the intake cannot be stopped', async () => {
  const locks = world.pool()
  await locks.acquire('work')

  await expect(shutDown(locks, () => Promise.reject(new Error('mine')), 0)).rejects.toThrow('mine')

  expect(await world.locks()).toEqual([])
})

test('a program in another language shares the lock, by a number or by the hash in SQL', async () => {
  const locks = world.pool({ namespace: 'shop' })
  const client = new pg.Client(world.database.url)
  await client.connect()
  try {
    await client.query(statementFor('stock', 'shop'))
    expect(await locks.tryAcquire('stock')).toBe(null)
    const waiting = locks.acquire('stock')
    await client.query(`SELECT pg_advisory_unlock(${SQL_KEY})`, ['shop', 'stock'])
    await using lock = await waiting

    const asked = `SELECT pg_try_advisory_lock(${SQL_KEY}) AS granted`
    expect((await client.query(asked, ['shop', 'stock'])).rows).toEqual([{ granted: false }])
    await lock.release()
    expect((await client.query(asked, ['shop', 'stock'])).rows).toEqual([{ granted: true }])
    await client.query('SELECT pg_advisory_lock(4711)')
    expect(await locks.tryAcquire(4711n)).toBe(null)
  } finally {
    await client.end()
  }
})
