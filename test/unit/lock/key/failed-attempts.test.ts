/** A key and its callers when a batch fails, or a connection can't be opened. */
import { expect, test } from 'vitest'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../../support/fake-world.js'

async function at<T>({ clock }: FakeWorld, promise: Promise<T>): Promise<number> {
  await promise
  return clock.now()
}

test('a waiter for a lock still gets the wake-up after another batch of its session has failed', async () => {
  const world = fakeWorld()
  const [holds, waits] = [world.pool(), world.pool({ max: 2 })]

  for (let round = 0; round < 3; round++) {
    const lock = await holds.acquire('jobs')
    const waiting = waits.acquire('jobs', { timeoutMs: Infinity })
    await world.clock.run(5000)
    world.server.failNextBatch(0)
    await rejection(waits.acquire('orders'))
    const since = world.clock.now()
    const served = at(world, waiting)
    await Promise.all([lock.release(), world.clock.run(3000)])

    expect((await served) - since, `round ${round}`).toBeLessThan(20)
    await (await waiting).release()
    await world.clock.run(3000)
  }
})

test('a wait whose end fails does not affect the next caller', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const [holds, waits] = [world.pool(), world.pool()]
  const held = holds.acquire('orders')
  await world.clock.run(20)
  const lock = await held
  const controller = new AbortController()
  const gone = rejection(waits.acquire('orders', { signal: controller.signal }))
  await world.clock.run(100)
  world.server.failNextBatch(0)
  controller.abort(new Error('changed its mind'))
  await world.clock.run(0)
  const next = waits.acquire('orders')
  await world.clock.run(100)
  expect((await gone).message).toBe('changed its mind')
  expect(await stateOf(next)).toBe('pending')
  await Promise.all([lock.release(), world.clock.run(100)])
  await Promise.all([(await next).release(), world.clock.run(100)])
})

test('an attempt that fails after the release does not restore the lock', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const locks = world.pool()
  const acquired = locks.acquire('report')
  await world.clock.run(50)
  const reader = locks.acquire('report', { mode: 'shared' })
  const outcome = rejection(reader)
  const released = (await acquired).release()
  await world.clock.run(1.5)
  // The release has reached the server. The next batch fails.
  world.server.failNextBatch(0)
  await world.clock.run(100)
  await released
  expect(await stateOf(reader)).toBe('rejected')
  expect((await outcome).message).toContain('out of shared memory')
  expect(world.server.table.size).toBe(0)
})

test('a single attempt that fails during a wake-up for others does not make the key ours again', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool(), world.pool()]
  const acquired = a.acquire('orders')
  await world.clock.run(50)
  const elsewhere = b.acquire('orders')
  await world.clock.run(300)
  const released = (await acquired).release()
  await world.clock.run(2)
  expect(a.snapshot().keys).toMatchObject([{ state: 'notifying' }])
  world.server.failNextBatch(0)
  const impatient = rejection(a.tryAcquire('orders'))
  await world.clock.run(100)
  await released
  expect((await impatient).message).toContain('out of shared memory')
  expect(await stateOf(elsewhere)).toBe('fulfilled')
  await Promise.all([(await elsewhere).release(), world.clock.run(50)])
})

test('an attempt that fails after the key was given up for others does not make it ours again', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool(), world.pool()]
  const acquired = a.acquire('orders')
  await world.clock.run(50)
  const [mine, theirs] = [a.acquire('orders'), b.acquire('orders')]
  const outcome = rejection(mine)
  await world.clock.run(300)
  await Promise.all([(await acquired).release(), world.clock.run(20)])
  const other = await theirs
  expect(a.snapshot().keys).toMatchObject([{ state: 'waiting', holders: [] }])
  const released = other.release()
  await world.clock.run(2)
  world.server.failNextBatch(0)
  await world.clock.run(50)
  await released
  expect(await stateOf(mine)).toBe('rejected')
  await outcome
  expect(world.server.table.size).toBe(0)
})

test('a waiting caller does not fail because a connection could not be opened for others', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool({ max: 3 })]
  const lock = await a.acquire('orders')
  const held = await Promise.all(Array.from({ length: 200 }, (_, i) => b.acquire(`key ${i}`)))
  world.server.refuses = new Error('no more connections')
  const outcome = rejection(b.acquire('orders', { timeoutMs: 500 }))
  await world.clock.run(1000)
  expect((await outcome).cause).toBeUndefined()
  world.server.start()
  await Promise.all([...held, lock].map((each) => each.release()))
})

test('a failed attempt is reported to the first caller, and to the readers right behind a reader', async () => {
  const after = async (...modes: ('shared' | 'exclusive')[]): Promise<string[]> => {
    const world = fakeWorld()
    const locks = world.pool()
    await locks.ready()
    world.server.failNextBatch(0)
    const outcomes = modes.map((mode) =>
      locks.acquire('report', { mode }).then(
        (lock) => lock.release().then(() => 'served'),
        () => 'refused',
      ),
    )
    await world.clock.run(100)
    return Promise.all(outcomes)
  }
  expect(await after('exclusive', 'shared', 'exclusive')).toEqual(['refused', 'served', 'served'])
  expect(await after('shared', 'shared', 'exclusive', 'shared')).toEqual([
    'refused',
    'refused',
    'served',
    'served',
  ])
})

test('callers that come during a release do not get the key in the ending turn', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const locks = world.pool()
  const acquired = locks.acquire('orders')
  await world.clock.run(50)
  const released = (await acquired).release()
  await world.clock.run(1)
  const refused = rejection(locks.acquire('orders'))
  const next = locks.acquire('orders')
  await world.clock.run(0.5)
  // The release has reached the server. The first attempt after it fails.
  world.server.failNextBatch(0)
  await world.clock.run(50)
  await released
  expect((await refused).message).toContain('out of shared memory')
  const { serverId } = locks.snapshot().sessions[0]!
  expect((await next).state).toBe('held')
  expect(world.server.table.heldBy(serverId)).toMatchObject([{ what: 'exclusive' }])
  await Promise.all([(await next).release(), world.clock.run(50)])
})
