import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import type { Lock } from '../../../src/lock/handle/lock.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

const SHARED = { mode: 'shared', timeoutMs: Infinity } as const

/** A caller that has waited for this long polls only about once a second. */
const LONG_WAIT_MS = 5000

/**
 * A process that receives notifications, because it waits for another key. A process that begins to listen retries once, which
 * would hide whether a wake-up arrived.
 */
async function hearing(world: FakeWorld): Promise<FakeLockPool> {
  const [holder, pool] = [world.pool(), world.pool()]
  const held = holder.acquire('something else')
  await world.clock.run(50)
  await held
  void rejection(pool.acquire('something else', { timeoutMs: Infinity }))
  await world.clock.run(50)
  expect(pool.snapshot().listener).toBe('listening')
  return pool
}

/** How long after `cause` the waiter gets the lock. */
async function msUntilServed(world: FakeWorld, waiting: Promise<Lock>, cause: () => void): Promise<number> {
  await world.clock.run(LONG_WAIT_MS)
  expect(await stateOf(waiting), 'before').toBe('pending')
  const since = world.clock.now()
  let servedAt = Infinity
  void waiting.then(() => (servedAt = world.clock.now()))
  cause()
  await world.clock.run(3000)
  return servedAt - since
}

test.each([
  ['in a third process', false],
  ['in the process that reads', true],
])('a writer %s that stops waiting wakes the readers it kept out', async (_, isWhereItReads) => {
  const world = fakeWorld()
  const [reads, third, waits] = [world.pool(), world.pool(), await hearing(world)]
  const reading = await reads.acquire('report', { mode: 'shared' })

  // The test has three rounds, because in one of them the waiter's own poll might come just then.
  for (let round = 0; round < 3; round++) {
    const controller = new AbortController()
    const writer = isWhereItReads ? reads : third
    const writing = rejection(writer.acquire('report', { signal: controller.signal, timeoutMs: Infinity }))
    await world.clock.run(50)
    const waiting = waits.acquire('report', SHARED)

    const ms = await msUntilServed(world, waiting, () => controller.abort(new Error('changed its mind')))

    expect(ms, `round ${round}`).toBeLessThan(20)
    expect((await writing).message).toBe('changed its mind')
    await (await waiting).release()
  }
  expect(reading.state, 'and it was never released').toBe('held')
})

test('a lock that was yielded to processes that have died meanwhile is requested again at once', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  world.server.longestWaitMs = 0
  const [here, dies] = [await hearing(world), world.pool()]
  const acquired = here.acquire('orders')
  await world.clock.run(50)
  const lock = await acquired
  const next = here.acquire('orders')
  const elsewhere = rejection(dies.acquire('orders', { timeoutMs: Infinity }))
  await world.clock.run(100)
  const [session] = dies.snapshot().sessions
  const connection = world.server.connection(session!.serverId)
  let servedAt = Infinity
  void next.then(() => (servedAt = world.clock.now()))
  const since = world.clock.now()
  const released = lock.release()

  // The server has received the release, and knows another waiter. That waiter dies before its wake-up.
  await world.clock.run(0.5)
  expect(world.server.table.holders('/orders')).toEqual([])
  connection.isCutOff = true
  world.server.end(connection)
  await world.clock.run(30)

  expect(servedAt - since, 'four messages, and not the time that others are let go first').toBeLessThan(3)
  await released
  const closed = dies.close({ graceMs: 0 })
  await Promise.all([(await next).release(), world.clock.run(100)])
  await closed
  expect(await elsewhere).toMatchObject({ code: 'POOL_CLOSED' })
})
