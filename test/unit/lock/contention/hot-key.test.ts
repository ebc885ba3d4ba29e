/** A key that passes from one process to another: which processes wait in the server's queue, and for how long. */
import { describe, expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import type { LockPoolOptions } from '../../../../src/lock/lock-pool-options.js'
import type { Lock } from '../../../../src/lock/handle/lock.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../../support/fake-world.js'

/** The value of a promise, and the time when it resolved, by the clock of the world. */
function timed<T>({ clock }: FakeWorld, promise: Promise<T>): Promise<{ value: T; at: number }> {
  return promise.then((value) => ({ value, at: clock.now() }))
}

async function taken(world: FakeWorld, pool: FakeLockPool, key = 'hot'): Promise<Lock> {
  const acquired = pool.acquire(key)
  await world.clock.run(20)
  return acquired
}

async function given(world: FakeWorld, lock: Lock): Promise<void> {
  const released = lock.release()
  await world.clock.run(20)
  await released
}

const sessionStates = (pool: FakeLockPool): string[] => pool.snapshot().sessions.map(({ state }) => state)

/** Two processes with a latency of one millisecond. `holds` has the key, and `waits` knows that other processes want it. */
async function hotKey(options: LockPoolOptions = {}): Promise<{
  world: FakeWorld
  holds: FakeLockPool
  waits: FakeLockPool
  /** A third process, which has a session already. */
  quick: FakeLockPool
  lock: Lock
}> {
  const world = fakeWorld({ latencyMs: 1 })
  const [holds, waits, quick] = [world.pool(), world.pool(options), world.pool()]
  // The clock is far from zero, so code that takes a point in time for a duration would fail.
  await Promise.all([quick.ready(), world.clock.run(5000)])
  const first = await taken(world, holds)
  const woken = waits.acquire('hot')
  await world.clock.run(50)
  await given(world, first)
  await given(world, await woken)
  return { world, holds, waits, quick, lock: await taken(world, holds) }
}

describe('a process that got the key soon after it had waited for it', () => {
  test('waits in the server the next time, and gets the key at its release', async () => {
    const { world, waits, lock } = await hotKey()
    const next = timed(world, waits.acquire('hot'))
    await world.clock.run(20)
    expect(sessionStates(waits)).toEqual(['queued'])
    expect(waits.snapshot().keys).toMatchObject([{ key: 'hot', state: 'queued' }])

    const since = world.clock.now()
    await given(world, lock)
    const { value, at } = await next
    expect(at - since, 'one way to the server, and one from it').toBe(2)
    await given(world, value)
  })

  test('waits in the server again after an outage, however long that was', async () => {
    const { world, holds, waits, lock: lost } = await hotKey()
    const other = holds.acquire('hot', { timeoutMs: 60_000 })
    const next = waits.acquire('hot', { timeoutMs: 60_000 })
    await world.clock.run(20)
    expect(sessionStates(waits)).toEqual(['queued'])
    world.server.stop()
    await world.clock.run(10_000)
    expect(lost.state).toBe('lost')
    world.server.start()
    await world.clock.run(2000)

    expect(waits.snapshot().keys).toMatchObject([{ key: 'hot', state: 'queued' }])
    await given(world, await other)
    await given(world, await next)
  })

  test('only listens for a caller that comes after the outage', async () => {
    const { world, holds, waits, lock } = await hotKey()
    const held = waits.acquire('hot')
    await given(world, lock)
    const lost = await held
    world.server.stop()
    await world.clock.run(10_000)
    expect(lost.state).toBe('lost')
    world.server.start()
    const other = holds.acquire('hot', { timeoutMs: 60_000 })
    await world.clock.run(2000)
    const next = waits.acquire('hot', { timeoutMs: 60_000 })
    await world.clock.run(50)

    expect(waits.snapshot().keys).toMatchObject([{ key: 'hot', state: 'waiting' }])
    await given(world, await other)
    await given(world, await next)
  })

  test('only listens if that was two seconds ago', async () => {
    const { world, waits, lock } = await hotKey()
    await world.clock.run(2000)
    const next = waits.acquire('hot')
    await world.clock.run(20)
    expect(sessionStates(waits)).toEqual(['holding'])
    await given(world, lock)
    await given(world, await next)
  })

  test('only listens if it had waited for two seconds', async () => {
    const world = fakeWorld({ latencyMs: 1 })
    const [holds, waits] = [world.pool(), world.pool()]
    const first = await taken(world, holds)
    const woken = waits.acquire('hot')
    await world.clock.run(2100)
    await given(world, first)
    await given(world, await woken)
    const second = await taken(world, holds)
    const next = waits.acquire('hot')
    await world.clock.run(20)
    expect(sessionStates(waits)).toEqual(['holding'])
    await given(world, second)
    await given(world, await next)
  })

  test('does not wait in the server for a single attempt that finds the key taken', async () => {
    const { world, waits, lock } = await hotKey()
    const asked = waits.tryAcquire('hot')
    await world.clock.run(5)
    expect(await asked).toBeNull()
    await given(world, lock)
  })

  test('does not wait in the server for a caller without time left', async () => {
    const { world, waits, lock } = await hotKey()
    const outcome = rejection(waits.acquire('hot', { timeoutMs: 4 }))
    await world.clock.run(3)
    expect(sessionStates(waits)).toEqual(['executing'])
    await world.clock.run(300)
    expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
    await given(world, lock)
  })

  test('waits there no longer than its caller has time, which then gets an error', async () => {
    const { world, waits, lock } = await hotKey()
    const since = world.clock.now()
    const outcome = timed(world, rejection(waits.acquire('hot', { timeoutMs: 100 })))
    await world.clock.run(90)
    expect(sessionStates(waits)).toEqual(['queued'])
    await world.clock.run(30)
    expect(sessionStates(waits)).toEqual(['idle'])
    await world.clock.run(300)
    const { value, at } = await outcome
    expect(value).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'locking' })
    expect(at - since).toBeLessThanOrEqual(110)
    await given(world, lock)
  })

  test('waits there for three quarters of a second at a time, and only listens when two seconds brought nothing', async () => {
    const { world, waits, lock } = await hotKey()
    const since = world.clock.now()
    const next = waits.acquire('hot')
    await world.clock.run(700)
    const before = world.server.statements
    await world.clock.run(100)
    expect(world.server.statements - before, 'one wait ends, and the next begins').toBeLessThanOrEqual(3)
    expect(sessionStates(waits)).toEqual(['queued'])
    const states: string[] = []
    while (world.clock.now() < since + 5000) {
      await world.clock.run(50)
      states.push(...sessionStates(waits))
    }
    const listensAfterMs = 800 + states.indexOf('holding') * 50
    expect(listensAfterMs).toBeGreaterThan(1900)
    expect(listensAfterMs).toBeLessThan(3000)
    expect(states.slice(states.indexOf('holding'))).not.toContain('queued')
    expect(await stateOf(next)).toBe('pending')
    await given(world, lock)
    await given(world, await next)
  })

  test('only listens if its server has no queue that tells', async () => {
    const world = fakeWorld({ latencyMs: 1 })
    world.server.longestWaitMs = 0
    const [holds, waits] = [world.pool(), world.pool()]
    const first = await taken(world, holds)
    const woken = waits.acquire('hot')
    await world.clock.run(50)
    await given(world, first)
    await given(world, await woken)
    const second = await taken(world, holds)
    const next = waits.acquire('hot')
    await world.clock.run(20)
    expect(sessionStates(waits)).toEqual(['holding'])
    await given(world, second)
    await given(world, await next)
  })
})

describe('a process whose session serves other keys', () => {
  test('waits on another session, and the other keys never wait behind it', async () => {
    const { world, waits, lock } = await hotKey()
    const other = await taken(world, waits, 'other')
    const next = waits.acquire('hot')
    await world.clock.run(20)
    // The first wait uses the listener, because the pool is still opening another session for the server queue.
    expect(waits.snapshot().sessions.length).toBe(2)

    const since = world.clock.now()
    const released = timed(world, other.release())
    await world.clock.run(20)
    expect((await released).at - since).toBe(2)
    await given(world, lock)
    await given(world, await next)

    const again = await taken(world, waits, 'other')
    const more = waits.acquire('hot')
    await world.clock.run(20)
    await given(world, await more)
    await given(world, again)
  })

  test('switches from listening to the queue when another process was faster, on the session that serves no other key', async () => {
    const { world, waits, quick, lock } = await hotKey()
    const other = await taken(world, waits, 'other')
    const next = waits.acquire('hot')
    await world.clock.run(50)
    expect(sessionStates(waits)).toEqual(['holding', 'idle'])

    const released = lock.release()
    const taking = quick.tryAcquire('hot')
    await world.clock.run(20)
    await released
    expect(sessionStates(waits)).toEqual(['holding', 'queued'])
    const served = timed(world, next)
    const since = world.clock.now()
    await given(world, (await taking)!)
    expect((await served).at - since).toBe(2)
    await given(world, await next)
    await given(world, other)
  })

  test('waits for a tenth of a second at a time, where the pool can have no other session', async () => {
    const { world, waits, lock } = await hotKey({ max: 1 })
    const next = waits.acquire('hot')
    await world.clock.run(50)
    expect(sessionStates(waits)).toEqual(['queued'])
    const since = world.clock.now()
    const other = timed(world, waits.acquire('other'))
    await world.clock.run(200)
    const { value, at } = await other
    expect(at - since).toBeLessThanOrEqual(60)
    await given(world, value)
    const states = new Set<string>()
    for (let ms = 0; ms < 1000; ms += 10) {
      await world.clock.run(10)
      for (const state of sessionStates(waits)) states.add(state)
    }
    expect([...states], 'somebody had to wait for it').not.toContain('queued')
    await given(world, lock)
    await world.clock.run(1000)
    await given(world, await next)
  })

  test.each([
    ['only listens where every connection is in use', 3, 2, 1],
    ['opens a session where the pool has room', 4, 1, 2],
  ])('%s', async (_, max, count, sessions) => {
    const { world, waits, lock } = await hotKey({ max })
    const borrowed = Array.from({ length: count }, () => waits.connections.connect())
    const other = await taken(world, waits, 'other')
    const next = waits.acquire('hot')
    await world.clock.run(20)
    const { waiting } = waits.snapshot().connections
    expect({ sessions: waits.snapshot().sessions.length, waiting }).toEqual({ sessions, waiting: 0 })
    for (const connection of await Promise.all(borrowed)) connection.release()
    await given(world, lock)
    await world.clock.run(1000)
    await given(world, await next)
    await given(world, other)
  })
})

describe('processes that only listen', () => {
  test('get the key in the order in which they lost it to a faster process', async () => {
    const world = fakeWorld({ latencyMs: 1 })
    world.server.longestWaitMs = 0
    // The process that connected first gets notifications first.
    const [holds, ...others] = ['holds', 'a', 'b', 'c'].map(() => world.pool())
    const first = await taken(world, holds!)
    const order: number[] = []
    let isOver = false
    const working = others.map(async (pool, place) => {
      while (!isOver) {
        const lock = await pool.acquire('hot')
        order.push(place)
        await new Promise<void>((resolve) => void world.clock.after(50, resolve))
        await lock.release()
      }
    })
    await world.clock.run(200)
    await given(world, first)
    await world.clock.run(600)
    isOver = true
    await world.clock.run(1000)
    await Promise.all(working)
    expect(order.slice(0, 9)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2])
  })

  test('continue to listen while other keys come and go', async () => {
    const world = fakeWorld()
    const [holds, waits] = [world.pool(), world.pool()]
    const lock = await holds.acquire('hot')
    const next = waits.acquire('hot', { timeoutMs: 60_000 })
    await world.clock.run(1000)
    for (let i = 0; i < 10; i++) await (await waits.acquire('other')).release()
    await world.clock.run(20_000)
    expect(waits.snapshot().listener).toBe('listening')
    const served = timed(world, next)
    const since = world.clock.now()
    await Promise.all([lock.release(), world.clock.run(1000)])
    expect((await served).at - since).toBeLessThan(20)
    await (await next).release()
  })
})
