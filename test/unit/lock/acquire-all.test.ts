import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import type { LockGroup } from '../../../src/lock/handle/lock-group.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('free keys are acquired together, in one statement and in the order they were asked for', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  await locks.ready()
  const before = world.server.statements

  const group = await locks.acquireAll(['c', 'a', 'b', 'a'])

  expect(world.server.statements - before).toBe(1)
  expect(group.locks.map(({ key }) => key)).toEqual(['c', 'a', 'b'])
  expect(group.state).toBe('held')
  await group.release()
  expect(group.state).toBe('released')
  expect(world.server.table.size).toBe(0)
  await group.release()
})

test('a group without keys holds nothing', async () => {
  const group = await fakeWorld().pool().acquireAll([])

  expect(group.state).toBe('held')
  await group.release()
})

test.each([
  ['in this process', 0],
  ['in another process', 1],
] as const)('while it waits for a key that is held %s, it holds only the smaller keys', async (_, holder) => {
  const world = fakeWorld()
  const pools = [world.pool(), world.pool()] as const
  const held = await pools[holder].acquire('b')

  const waiting = pools[0].acquireAll(['a', 'b', 'c'])
  await world.clock.run(20)

  expect(world.server.table.holders('/a')).toHaveLength(1)
  expect(world.server.table.holders('/c')).toHaveLength(0)
  await held.release()
  await world.clock.run(20)
  expect((await waiting).state).toBe('held')
})

test('after a timeout, an abort or an invalid key nothing is held', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  await b.acquire('c')
  const controller = new AbortController()

  const late = rejection(a.acquireAll(['a', 'b', 'c'], { timeoutMs: 100 }))
  const aborted = rejection(a.acquireAll(['d', 'e', 'c'], { signal: controller.signal }))
  const once = rejection(a.acquireAll(['f', 'c'], { timeoutMs: 0 }))
  const wrong = rejection(a.acquireAll(['g', '', 'x\0y'] as string[]))
  await world.clock.run(50)
  controller.abort(new Error('enough'))
  await world.clock.run(100)

  expect(await late).toMatchObject({ code: 'LOCK_TIMEOUT', key: 'lock "c"' })
  expect(await aborted).toMatchObject({ message: 'enough' })
  expect(await once).toMatchObject({ code: 'LOCK_TIMEOUT' })
  expect(await wrong).toMatchObject({ code: 'INVALID_KEY', message: expect.stringMatching(/empty.*NUL/) })
  expect(await rejection(a.acquireAll('abc'))).toMatchObject({ code: 'INVALID_KEY' })
  expect(await rejection(a.acquireAll(5 as never))).toMatchObject({ code: 'INVALID_KEY' })
  for (const key of ['a', 'b', 'd', 'e', 'f', 'g']) expect(world.server.table.holders(`/${key}`)).toEqual([])
})

test('readers share a group, and a writer waits for all of it', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const groups = await Promise.all([a, b].map((locks) => locks.acquireAll(['x', 'y'], { mode: 'shared' })))

  const writing = a.acquireAll(['y', 'x'])
  await world.clock.run(20)
  expect(await stateOf(writing)).toBe('pending')
  for (const group of groups) await group.release()
  await world.clock.run(100)

  expect((await writing).mode).toBe('exclusive')
})

test('a group is lost with the first of its locks', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const group = await locks.acquireAll(['a', 'b'])
  const { signal } = group
  expect(signal.aborted).toBe(false)

  for (const connection of world.server.connections) world.server.end(connection)
  await world.clock.run(10)

  expect(group.state).toBe('lost')
  expect(signal.reason).toMatchObject({ code: 'LOCK_LOST' })
  expect(await rejection(group.release())).toMatchObject({ code: 'LOCK_LOST' })
})

test('a lock that is lost while the group waits for another is acquired again before the group is returned', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const held = await b.acquire('b')
  const waiting = a.acquireAll(['a', 'b'])
  await world.clock.run(20)
  const { owner } = world.server.table.holders('/a')[0]!

  world.server.end(world.server.connection(owner))
  await world.clock.run(50)
  await held.release()
  await world.clock.run(2000)

  const group = await waiting
  expect(group.locks.map((lock) => lock.state)).toEqual(['held', 'held'])
  for (const key of ['/a', '/b']) expect(world.server.table.holders(key)).toHaveLength(1)
})

/**
 * Goal: overlapping groups in any order never wait for each other in a cycle.
 * Method: callers of three processes request random groups, short and long. The clock runs until all callers are served.
 */
test('overlapping groups are all served, whatever their order', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = fakeWorld({ latencyMs: 1, random: new SeededRandom(seed) })
    const random = new SeededRandom(seed)
    const pools = [world.pool(), world.pool(), world.pool()]
    const busy = new Set<string>()
    const visit = async (locks: FakeLockPool): Promise<void> => {
      const keys = Array.from({ length: 1 + random.below(5) }, () => `key ${random.below(6)}`)
      const group: LockGroup = await locks.acquireAll(keys, { timeoutMs: Infinity })
      for (const { key } of group.locks) {
        expect(busy, `SEED ${seed}`).not.toContain(key)
        busy.add(String(key))
      }
      await new Promise<void>((resolve) => void world.clock.after(random.below(5), resolve))
      for (const { key } of group.locks) busy.delete(String(key))
      await group.release()
    }
    let served = 0
    const callers = pools.flatMap((locks) =>
      Array.from({ length: 4 }, async () => {
        for (let i = 0; i < 10; i++, served++) await visit(locks)
      }),
    )

    for (let i = 0; i < 100 && served < 120; i++) await world.clock.run(100)

    expect(served, `SEED ${seed}`).toBe(120)
    await Promise.all(callers)
  }
})

test('a group is one caller, however many keys it asks for', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool({ maxWaiting: 3 }), world.pool()]
  const many = Array.from({ length: 50 }, (_, i) => `key ${i}`)

  const free = await a.acquireAll(many)
  expect(a.snapshot()).toMatchObject({ held: 50, waiting: 0 })
  await free.release()

  const held = await b.acquireAll(many)
  const waiting = [a.acquireAll(many), a.acquireAll(many.toReversed()), a.acquire('key 7')]
  await world.clock.run(100)
  expect(a.snapshot().waiting).toBe(3)
  expect(await rejection(a.acquireAll(['x', 'y']))).toMatchObject({ code: 'POOL_SATURATED' })
  expect(await rejection(a.acquire('x'))).toMatchObject({ code: 'POOL_SATURATED' })
  expect(await rejection(a.semaphore('s', 2).acquire())).toMatchObject({ code: 'POOL_SATURATED' })

  // Each of these callers still has to take many steps, and the queue is full all the time.
  await held.release()
  const done = waiting.map((each) => each.then((lock) => lock.release()))
  await world.clock.run(2000)
  await Promise.all(done)
  expect(a.snapshot()).toMatchObject({ held: 0, waiting: 0 })
})

test.each(['aborted', 'late', 'closed'] as const)('a group that is %s leaves its place', async (how) => {
  const world = fakeWorld()
  const [a, b] = [world.pool({ maxWaiting: 1 }), world.pool()]
  await b.acquire('b')
  const controller = new AbortController()
  const group = rejection(a.acquireAll(['a', 'b', 'c'], { timeoutMs: 500, signal: controller.signal }))
  await world.clock.run(20)
  expect(a.snapshot().waiting).toBe(1)

  if (how === 'aborted') controller.abort(new Error('enough'))
  if (how === 'closed') void a.close()
  await world.clock.run(1000)

  expect(await group).toBeInstanceOf(Error)
  expect(a.snapshot().waiting).toBe(0)
})
