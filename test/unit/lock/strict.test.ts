import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

const LEASE_MS = 15_000

const strictPool = (world: FakeWorld): FakeLockPool => world.pool({ strict: true, leaseMs: LEASE_MS })

/** Ends all sessions of a pool in the server, as an administrator would. */
function kill(world: FakeWorld, pool: FakeLockPool): void {
  for (const { serverId } of pool.snapshot().sessions) world.server.end(world.server.connection(serverId))
}

/** A key whose last holder was killed while it held the key, and a pool for the next holder. */
async function afterUncleanEnd(): Promise<{ world: FakeWorld; next: FakeLockPool }> {
  const world = fakeWorld()
  const killed = strictPool(world)
  await killed.acquire('orders')
  kill(world, killed)
  return { world, next: strictPool(world) }
}

test('after an unclean end the next holder waits for the lease, and its heartbeats go on', async () => {
  const { world, next } = await afterUncleanEnd()
  const events: unknown[] = []
  next.on('lock:delayed', (event) => events.push(event))
  next.on('waiter:queued', ({ key }) => events.push(`${key} queued`))

  const acquired = next.acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(LEASE_MS - 1)

  expect(await stateOf(acquired)).toBe('pending')
  expect(next.snapshot().keys).toMatchObject([{ state: 'delayed', mode: 'exclusive', holders: [] }])
  expect(events).toEqual(['orders queued', { key: 'orders', mode: 'exclusive', delayMs: LEASE_MS }])
  await world.clock.run(1)
  const lock = await acquired
  await world.clock.run(10 * LEASE_MS)
  expect(lock.state).toBe('held')
  await lock.release()
  expect(world.server.holdRecords.size).toBe(0)
})

test('a clean release costs the next one nothing', async () => {
  const world = fakeWorld()
  const [a, b] = [strictPool(world), strictPool(world)]
  const lock = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await world.clock.run(5)

  await lock.release()
  await world.clock.run(5)

  await (await waiting).release()
  expect(world.server.holdRecords.size).toBe(0)
})

test('without strict mode no caller waits', async () => {
  const world = fakeWorld()
  const [killed, next] = [world.pool(), world.pool()]
  await killed.acquire('orders')
  kill(world, killed)

  expect((await next.acquire('orders')).state).toBe('held')
})

test('an attempt during the delay is answered at once, and the delay continues', async () => {
  const { world, next } = await afterUncleanEnd()

  const first = next.tryAcquire('orders')
  await world.clock.run(5)
  expect(await first).toBeNull()
  expect(await next.tryAcquire('orders')).toBeNull()
  expect(await rejection(next.acquire('orders', { timeoutMs: 0 }))).toMatchObject({ code: 'LOCK_TIMEOUT' })
  await world.clock.run(LEASE_MS - 10)
  expect(await next.tryAcquire('orders')).toBeNull()
  await world.clock.run(10)

  expect((await next.tryAcquire('orders'))?.state, 'one delay, not one for each attempt').toBe('held')
})

test('when no caller waits any more, the lock-delay runs out and the key is free', async () => {
  const { world, next } = await afterUncleanEnd()
  const controller = new AbortController()
  const outcomes = [
    rejection(next.acquire('orders', { timeoutMs: 1000 })),
    rejection(next.acquire('orders', { signal: controller.signal, timeoutMs: Infinity })),
  ]
  await world.clock.run(2000)
  controller.abort(new Error('enough'))

  expect(await Promise.all(outcomes)).toMatchObject([
    { code: 'LOCK_TIMEOUT', phase: 'locking' },
    { message: 'enough' },
  ])
  expect(world.server.table.size).toBe(1)
  await world.clock.run(LEASE_MS)
  expect({ locks: world.server.table.size, holdRecords: world.server.holdRecords.size }).toEqual({
    locks: 0,
    holdRecords: 0,
  })
  expect((await strictPool(world).acquire('orders')).state).toBe('held')
})

test('another process that waits gets the key as soon as the delay is over, without one of its own', async () => {
  const { world, next } = await afterUncleanEnd()
  const other = strictPool(world)
  await next.tryAcquire('orders')
  const waiting = other.acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(LEASE_MS - 100)
  expect(await stateOf(waiting)).toBe('pending')

  await world.clock.run(200)

  expect((await waiting).state).toBe('held')
})

test('callers who wait during the delay are served in order when it is over, readers together', async () => {
  const world = fakeWorld()
  const killed = strictPool(world)
  await killed.acquire('orders')
  kill(world, killed)
  const [a, b] = [strictPool(world), strictPool(world)]
  const readers = [a, b, a].map((pool) => pool.acquire('orders', { mode: 'shared', timeoutMs: Infinity }))
  await world.clock.run(LEASE_MS)
  const late = a.acquire('orders', { mode: 'shared' })
  await world.clock.run(100)

  const locks = await Promise.all([...readers, late])

  expect(locks.map(({ state }) => state)).toEqual(['held', 'held', 'held', 'held'])
  await Promise.all(locks.map((lock) => lock.release()))
  expect(world.server.holdRecords.size).toBe(0)
})

test('a holder that is lost during its lock-delay shortens it for no other: the next one waits all of it', async () => {
  const { world, next } = await afterUncleanEnd()
  const waiting = next.acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(LEASE_MS - 1)

  kill(world, next)
  await world.clock.run(LEASE_MS - 1)

  expect(await stateOf(waiting), 'it waits again, on a new session').toBe('pending')
  await world.clock.run(2000)
  expect((await waiting).state).toBe('held')
})

test('a pool that is closed during a delay does not wait for it, and passes it on', async () => {
  const { world, next } = await afterUncleanEnd()
  const waiting = rejection(next.acquire('orders', { timeoutMs: Infinity }))
  await world.clock.run(5)
  const since = world.clock.now()

  const closed = next.close({ graceMs: 60_000 })
  await world.clock.run(5)
  await closed

  expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
  expect(world.clock.now() - since).toBeLessThan(LEASE_MS)
  const after = strictPool(world).acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(LEASE_MS - 1)
  expect(await stateOf(after)).toBe('pending')
  await world.clock.run(1)
  expect((await after).state).toBe('held')
})

test('a batch that fails after its grants is followed by a needless wait at most', async () => {
  const world = fakeWorld()
  const locks = strictPool(world)
  await locks.ready()
  world.server.failNextBatch(1)

  expect(await rejection(locks.acquire('orders'))).toMatchObject({ code: 'CONNECTION_FAILED' })

  expect((await locks.acquire('orders')).state, 'nothing was marked yet').toBe('held')
})

test('hand-offs inside a process write no hold records', async () => {
  const world = fakeWorld()
  const locks = strictPool(world)
  const holds = Array.from({ length: 50 }, () => locks.withLock('orders', () => undefined))
  await Promise.all(holds)

  // One statement attaches the session. Two acquire the lock and write its hold record. Two remove the hold record and release
  // the lock.
  expect(world.server.statements).toBe(5)
})
