import { expect, test } from 'vitest'
import { LockTableFullError } from '../../../src/base/errors.js'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('a batch that fails half-way leaves nothing behind', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  await locks.ready()
  const kept = await locks.acquire('kept')
  world.server.failNextBatch(3, new LockTableFullError('out of shared memory'))

  const outcomes = await Promise.all(
    Array.from({ length: 5 }, (_, i) => rejection(locks.acquire(`key ${i}`))),
  )

  expect(outcomes.every((error) => error['code'] === 'LOCK_TABLE_FULL')).toBe(true)
  expect(world.server.table.size, 'three were taken, and given back').toBe(1)
  expect(kept.state).toBe('held')
  expect((await locks.acquire('key 0')).state).toBe('held')
})

test('a release in a failed batch still succeeds', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const lock = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await world.clock.run(10)
  world.server.failNextBatch(0)

  await lock.release()
  await world.clock.run(10)

  expect((await waiting).state, 'and whoever waited has been woken').toBe('held')
})

test('a yield in a failed batch still lets the others go first', async () => {
  const world = fakeWorld()
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool(), world.pool()]
  const lock = await a.acquire('orders')
  const [mine, theirs] = [a.acquire('orders'), b.acquire('orders')]
  await world.clock.run(20)
  world.server.failNextBatch(1)

  await lock.release()
  await world.clock.run(10)
  const [first, second] = [await mine, theirs]
  await first.release()
  await world.clock.run(50)

  expect((await second).token).toBeGreaterThan(first.token)
})

test('a lock that the server lost in a failed batch is reported as lost', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const lock = await locks.acquire('orders')
  const [connection] = [...world.server.connections]
  world.server.table.end(connection!.serverId)
  world.server.failNextBatch(0)

  await rejection(locks.acquire('invoices'))

  expect(lock.state).toBe('lost')
  await rejection(lock.release())
  expect(locks.snapshot().sessions, 'the session is free for others').toMatchObject([
    { state: 'idle', keys: 0 },
  ])
})

test('a full lock table causes a clear error, and no entry of lockpool stays in it', async () => {
  const world = fakeWorld({ capacity: 8 })
  const locks = world.pool({ maxHeldLocks: 100 })
  await locks.ready()

  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => locks.acquire(`key ${i}`)))

  expect(
    outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason.code),
  ).toContain('LOCK_TABLE_FULL')
  const held = outcomes.filter((outcome) => outcome.status === 'fulfilled')
  expect(world.server.table.size).toBe(held.length)
})

test('a lock whose release waits for the batch that fails is still held, and then released', async () => {
  const world = fakeWorld({ latencyMs: 10 })
  const locks = world.pool({ max: 2 })
  const acquired = Promise.all(['orders', 'items'].map((key) => locks.acquire(key)))
  await world.clock.run(100)
  const [orders, items] = await acquired
  world.server.failNextBatch(0)

  const released = [items!.release()]
  await world.clock.run(1)
  released.push(orders!.release())
  await world.clock.run(100)

  expect(await Promise.allSettled(released)).toEqual([
    { status: 'fulfilled', value: undefined },
    { status: 'fulfilled', value: undefined },
  ])
  expect(locks.snapshot().counters).toMatchObject({ released: 2, lost: 0 })
})

test('a lock that may stay here while another batch fails is not given to another process as well', async () => {
  const world = fakeWorld({ latencyMs: 10 })
  const [a, b] = [world.pool({ max: 2 }), world.pool({ max: 2 })]
  const acquired = Promise.all(['orders', 'items'].map((key) => a.acquire(key)))
  await world.clock.run(100)
  const [orders, items] = await acquired
  const mine = a.acquire('orders')
  world.server.failNextBatch(0)

  const released = [items!.release()]
  await world.clock.run(1)
  released.push(orders!.release())
  const theirs = b.acquire('orders')
  await world.clock.run(100)
  await Promise.all(released)

  expect([await stateOf(mine), await stateOf(theirs)].toSorted()).toEqual(['fulfilled', 'pending'])
})
