import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import type { Lock } from '../../../src/lock/handle/lock.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

const SHARED = { mode: 'shared' } as const

test('the mark of a writer outlasts a failed batch: readers elsewhere do not pass', async () => {
  const world = fakeWorld()
  const [here, elsewhere] = [world.pool({ max: 2 }), world.pool()]
  const reading = await here.acquire('report', SHARED)
  const writing = here.acquire('report', { timeoutMs: Infinity })
  await world.clock.run(100)
  expect(await elsewhere.tryAcquire('report', SHARED), 'it is marked').toBeNull()
  world.server.failNextBatch(0)

  await rejection(here.acquire('orders'))

  expect(await elsewhere.tryAcquire('report', SHARED), 'it still is').toBeNull()
  await world.clock.run(100)
  expect(await elsewhere.tryAcquire('report', SHARED)).toBeNull()
  await reading.release()
  await world.clock.run(100)
  expect((await writing).mode).toBe('exclusive')
})

/** A pool with three locks on one session. The cohort turns of all three are over. */
async function threeHeld(world: FakeWorld): Promise<{ locks: FakeLockPool; held: Lock[] }> {
  const locks = world.pool({ max: 2 })
  const acquired = Promise.all(['items', 'orders', 'bills'].map((key) => locks.acquire(key)))
  await world.clock.run(200)
  return { locks, held: await acquired }
}

test('a lock that a failed batch has lost is not released with the next, and can be acquired again', async () => {
  const world = fakeWorld({ latencyMs: 10 })
  const { locks, held } = await threeHeld(world)
  const [items, orders, bills] = held
  const { serverId } = locks.snapshot().sessions[0]!
  world.server.failNextBatch(0)

  const itemsReleased = items!.release()
  await world.clock.run(1)
  // These requests leave with the next batch, after the one on the wire. The server loses the lock meanwhile.
  const ordersReleased = rejection(orders!.release())
  const next = locks.acquire('orders', { timeoutMs: Infinity })
  const more = locks.acquire('more', { timeoutMs: Infinity })
  world.server.table.drop(serverId, { id: '/orders' }, 'exclusive')
  await world.clock.run(1000)

  expect(await stateOf(itemsReleased)).toBe('fulfilled')
  expect(await ordersReleased).toMatchObject({
    code: 'LOCK_LOST',
    reason: 'the server no longer had it after a failed batch',
  })
  expect(await stateOf(next), 'who waited for it here').toBe('fulfilled')
  expect((await next).token).toBeGreaterThan(orders!.token)
  expect(await stateOf(more), 'what was to leave with it').toBe('fulfilled')
  expect([bills!.state, (await next).state, (await more).state]).toEqual(['held', 'held', 'held'])
  expect(locks.snapshot().counters).toMatchObject({ lost: 1, released: 1 })
  const [session] = locks.snapshot().sessions
  expect(session!.keys, 'and no more').toBe(3)
})
