import { expect, test } from 'vitest'
import { lockWorld, lossOf } from '../support/lock-world.js'
import { rejection } from '../support/fake-world.js'

const world = lockWorld()

test('the pool and the server report the same', async () => {
  const locks = world.pool()
  const [a, b] = await Promise.all([locks.acquire('a'), locks.acquire(7n, { mode: 'shared' })])

  const held = await world.locks()

  expect(held).toHaveLength(2)
  expect(held).toContainEqual(
    expect.objectContaining({ classid: '0', objid: '7', objsubid: 1, mode: 'ShareLock' }),
  )
  await Promise.all([a.release(), b.release()])
  expect(await world.locks()).toEqual([])
})

test('a raw key is shared with a program that uses advisory locks directly', async () => {
  const locks = world.pool()
  const one = await locks.acquire(123456789012n)
  const two = await locks.acquire([-5, 6])

  const { rows } = await world.database.query<{ one: boolean; two: boolean }>(
    'SELECT pg_try_advisory_lock(123456789012) AS one, pg_try_advisory_lock(-5, 6) AS two',
  )
  expect(rows).toEqual([{ one: false, two: false }])

  await Promise.all([one.release(), two.release()])
  await world.database.query('SELECT pg_advisory_lock(123456789012)')
  expect(await locks.tryAcquire(123456789012n)).toBeNull()
  const waiting = locks.acquire(123456789012n)
  await world.database.query('SELECT pg_advisory_unlock(123456789012)')
  expect((await waiting).state, 'who does not ring is noticed by polling').toBe('held')
})

test('ten thousand locks on at most five connections', async () => {
  const locks = world.pool({ maxHeldLocks: 11_000 })

  const held = await Promise.all(Array.from({ length: 10_000 }, (_, i) => locks.acquire(`key ${i}`)))

  expect((await world.sessions()).length).toBeLessThanOrEqual(5)
  expect(await world.locks()).toHaveLength(10_000)
  expect(new Set(held.map((lock) => lock.state))).toEqual(new Set(['held']))
  await Promise.all(held.map((lock) => lock.release()))
  expect(await world.locks()).toEqual([])
})

test('a thousand callers for one key in two pools get it one at a time, with growing tokens', async () => {
  const pools = [world.pool(), world.pool()]
  const tokens: bigint[] = []
  let inside = 0

  await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      pools[i % 2]!.withLock('hot', async (lock) => {
        expect(++inside).toBe(1)
        tokens.push(lock.token)
        if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
        inside--
      }),
    ),
  )

  expect(tokens).toHaveLength(1000)
  expect(tokens.every((token, i) => i === 0 || token > tokens[i - 1]!)).toBe(true)
})

test('readers and writers of two pools, with a value that would show a torn write', async () => {
  const pools = [world.pool(), world.pool()]
  const value = [0, 0]

  await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      pools[i % 2]!.withLock('value', { mode: i % 3 === 0 ? 'exclusive' : 'shared' }, async () => {
        if (i % 3 === 0) {
          value[0]!++
          await new Promise((resolve) => setImmediate(resolve))
          value[1]!++
        } else expect(value[0]).toBe(value[1])
      }),
    ),
  )

  expect(value).toEqual([100, 100])
})

test('while a lock is held and waited for, nothing waits inside the server', async () => {
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await expect.poll(async () => (await world.locks()).length, { timeout: 10_000 }).toBeGreaterThan(1)

  const activity = async (): Promise<unknown> => {
    const { rows } = await world.database.query<{ waiting: string; active: string }>(
      `SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting, count(*) FILTER (WHERE state <> 'idle') AS active
       FROM pg_stat_activity WHERE application_name = 'lockpool test'`,
    )
    return rows
  }

  // The query may hit a poll, which takes a fraction of a millisecond, and longer on a busy machine.
  await expect.poll(activity, { timeout: 10_000 }).toEqual([{ waiting: '0', active: '0' }])
  await held.release()
  await (await waiting).release()
})

test('CREATE INDEX CONCURRENTLY does not wait for a session that waits for a lock', async () => {
  const [a, b] = [world.pool(), world.pool()]
  await world.database.query('CREATE TABLE item (id int)')
  const held = await a.acquire('migration')
  const waiting = b.acquire('migration')

  await world.database.query(`SET statement_timeout = '10s'`)
  await world.database.query('CREATE INDEX CONCURRENTLY ON item (id)')

  await held.release()
  await (await waiting).release()
})

test('aborts and timeouts at any moment leave no lock behind', async () => {
  const [a, b] = [world.pool(), world.pool({ max: 2 })]
  const outcomes = await Promise.allSettled(
    Array.from({ length: 400 }, async (_, i) => {
      const locks = i % 2 === 0 ? a : b
      const controller = new AbortController()
      setTimeout(() => controller.abort(new Error('aborted')), Math.random() * 30)
      const mode = i % 5 === 0 ? 'shared' : 'exclusive'
      const lock = await locks.acquire(`key ${i % 7}`, {
        mode,
        timeoutMs: 1 + (i % 20),
        signal: controller.signal,
      })
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
      await lock.release()
    }),
  )

  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue
    expect([outcome.reason.code, outcome.reason.message]).toContainEqual(
      expect.stringMatching(/LOCK_TIMEOUT|aborted/),
    )
  }
  await expect.poll(() => world.locks()).toEqual([])
  expect(a.snapshot()).toMatchObject({ waiting: 0, keys: [] })
})

test('if a session with a thousand locks is terminated, each signal aborts once, and the pool continues', async () => {
  const locks = world.pool({ max: 2, maxHeldLocks: 5000 })
  const other = world.pool()
  const untouched = await other.acquire('other')
  const held = await Promise.all(Array.from({ length: 1000 }, (_, i) => locks.acquire(`key ${i}`)))
  let signals = 0
  for (const lock of held) lock.signal.addEventListener('abort', () => signals++)
  const [session] = locks.snapshot().sessions

  const lost = Promise.all(held.map(lossOf))
  await world.terminate(session!.serverId)
  await lost

  expect(signals).toBe(1000)
  expect(held.every((lock) => lock.state === 'lost')).toBe(true)
  expect(await rejection(held[0]!.release())).toMatchObject({ code: 'LOCK_LOST', cause: { code: '57P01' } })
  expect(untouched.state).toBe('held')
  expect((await locks.acquire('key 0')).token).toBeGreaterThan(held[0]!.token)
})

test('a lock on a raw key is lost with its session, and can be acquired again', async () => {
  const locks = world.pool()
  const lock = await locks.acquire(99n)
  const [session] = locks.snapshot().sessions

  await world.terminate(session!.serverId)

  await expect.poll(() => lock.state, { timeout: 10_000 }).toBe('lost')
  expect(await rejection(lock.release())).toMatchObject({ code: 'LOCK_LOST' })
  const again = await locks.acquire(99n)
  expect(again.token).toBeGreaterThan(lock.token)
  await again.release()
})

test('heartbeats keep locks over an idle time much longer than the lease', async () => {
  const locks = world.pool({ leaseMs: 1000 })
  const lock = await locks.acquire('orders')

  await new Promise((resolve) => setTimeout(resolve, 3500))

  expect(lock.state).toBe('held')
  await lock.release()
})

test('a role without rights gets locks that work, and an error only if it reads a token', async () => {
  await world.database.query(`CREATE ROLE poor LOGIN PASSWORD 'poor'`)
  const url = new URL(world.database.url)
  url.username = url.password = 'poor'
  try {
    await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')
    const poor = world.pool({ connection: url.href })
    const lock = await poor.acquire('orders')

    expect(lock.state).toBe('held')
    expect(() => lock.token).toThrowError(
      expect.objectContaining({
        code: 'FENCING_UNAVAILABLE',
        message: expect.stringMatching(/lockpool\.fence.*permission denied/),
      }),
    )
    await lock.release()
    await poor.close()
  } finally {
    await world.database.query('DROP ROLE poor')
  }
})

test('a sequence that would give tokens out of order is not used', async () => {
  await world.database.query(
    'CREATE SCHEMA IF NOT EXISTS lockpool; DROP SEQUENCE IF EXISTS lockpool.fence; CREATE SEQUENCE lockpool.fence CACHE 10',
  )
  const lock = await world.pool().acquire('orders')

  expect(() => lock.token).toThrowError(/not as lockpool creates it/)
  await lock.release()
  await world.database.query('DROP SEQUENCE lockpool.fence')
})

test('many pools that start at once create one sequence of tokens', async () => {
  await world.database.query('DROP SCHEMA IF EXISTS lockpool CASCADE')

  const held = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => (await world.pool().ready()).acquire(`key ${i}`)),
  )

  expect(new Set(held.map((lock) => lock.token)).size).toBe(12)
})
