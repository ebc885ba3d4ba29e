import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import type { Lock } from '../../../src/lock/handle/lock.js'
import { runHoldingAll } from '../../../src/lock/handle/holding-context.js'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

const read = (locks: FakeLockPool): Promise<Lock> => locks.acquire('report', { mode: 'shared' })

const upgrade = (locks: FakeLockPool, held: Lock, timeoutMs = Infinity): Promise<Lock | null> =>
  runHoldingAll([held], () => locks.convert(held, { timeoutMs }, 'wait'))

const downgrade = (locks: FakeLockPool, held: Lock): Promise<Lock | null> =>
  locks.convert(held, { mode: 'shared' }, 'wait')

test('the only reader becomes the writer, with a greater token, and a reader again', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const reader = await read(a)

  const writer = (await upgrade(a, reader))!
  expect([writer.mode, reader.state, writer.token > reader.token]).toEqual(['exclusive', 'released', true])
  expect(world.server.table.holders('/report')).toMatchObject([{ mode: 'exclusive' }])
  expect(await b.tryAcquire('report', { mode: 'shared' })).toBeNull()

  const again = (await downgrade(a, writer))!
  expect([again.mode, writer.state, again.token > writer.token]).toEqual(['shared', 'released', true])
  expect(await b.tryAcquire('report')).toBeNull()
  const other = await b.tryAcquire('report', { mode: 'shared' })
  expect(other).not.toBeNull()
  await Promise.all([again.release(), other!.release()])
})

test.each([
  ['in its process', 0],
  ['in another process', 1],
] as const)('it waits for the other readers %s, and later ones wait for it', async (_, where) => {
  const world = fakeWorld()
  const pools = [world.pool(), world.pool()] as const
  const [reader, other] = [await read(pools[0]), await read(pools[where])]

  expect(await pools[0].convert(reader, {}, 'ask')).toBeNull()
  const writing = upgrade(pools[0], reader)
  await world.clock.run(10)
  for (const locks of pools) expect(await locks.tryAcquire('report', { mode: 'shared' })).toBeNull()
  expect(await stateOf(writing)).toBe('pending')
  await other.release()
  await world.clock.run(2000)
  const writer = await writing
  expect(writer?.mode).toBe('exclusive')
  await writer!.release()
})

test('it precedes writers that wait for its key, in any process', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const reader = await read(a)
  const others = [a.acquire('report'), b.acquire('report')]
  await world.clock.run(10)

  const writer = (await upgrade(a, reader))!
  expect(writer.mode).toBe('exclusive')
  for (const other of others) expect(await stateOf(other)).toBe('pending')
  await writer.release()
  for (const other of others) {
    await world.clock.run(2000)
    await (await other).release()
  }
})

test('a caller that gives up stays a reader, and other readers are no longer kept out', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const [reader, other] = [await read(a), await read(b)]

  const error = rejection(upgrade(a, reader, 300))
  await world.clock.run(2000)
  expect(await error).toMatchObject({ code: 'LOCK_TIMEOUT' })
  expect(reader.state).toBe('held')
  const third = await b.tryAcquire('report', { mode: 'shared' })
  expect(third).not.toBeNull()
  await Promise.all([reader, other, third!].map((lock) => lock.release()))
})

test('a caller that is aborted while its answer is on the way stays a reader', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const reader = await read(a)
  const controller = new AbortController()

  const error = rejection(a.convert(reader, { signal: controller.signal }, 'wait'))
  controller.abort(new Error('no more'))
  expect((await error).message).toBe('no more')
  await world.clock.run(100)
  expect(world.server.table.holders('/report')).toMatchObject([{ mode: 'shared' }])
  const other = await b.tryAcquire('report', { mode: 'shared' })
  await Promise.all([reader.release(), other!.release()])
})

test('two readers that both want to write are a deadlock', async () => {
  const world = fakeWorld()
  const a = world.pool()
  const [one, two] = [await read(a), await read(a)]

  const first = upgrade(a, one)
  expect(await rejection(upgrade(a, two))).toMatchObject({ code: 'LOCK_DEADLOCK' })
  await two.release()
  await (await first)!.release()
})

test('two readers in two processes that both want to write are a deadlock', async () => {
  const world = fakeWorld()
  const pools = [world.pool(), world.pool()] as const
  const readers = [await read(pools[0]), await read(pools[1])] as const

  const outcomes = ([0, 1] as const).map((at) =>
    upgrade(pools[at], readers[at]).then(
      (lock) => lock!,
      async (error: Error & { code?: string }) => {
        await readers[at].release()
        return error.code
      },
    ),
  )
  await world.clock.run(10_000)
  const all = await Promise.all(outcomes)
  expect(all.filter((each) => each === 'LOCK_DEADLOCK')).toHaveLength(1)
  for (const each of all) if (typeof each === 'object') await each.release()
})

test('a release ends the wait', async () => {
  const world = fakeWorld()
  const a = world.pool()
  const [reader, other] = [await read(a), await read(a)]

  const error = rejection(upgrade(a, reader))
  await reader.release()
  expect(await error).toMatchObject({ code: 'STALE_TOKEN' })
  await other.release()
})

test('a lost lock is not converted', async () => {
  const world = fakeWorld()
  const a = world.pool()
  const [reader] = [await read(a), await read(a)]

  const error = rejection(upgrade(a, reader))
  await world.clock.run(10)
  for (const connection of world.server.connections) world.server.end(connection)
  await world.clock.run(100)
  expect(await error).toMatchObject({ code: 'LOCK_LOST' })
  expect(await rejection(upgrade(a, reader))).toMatchObject({ code: 'LOCK_LOST' })
})

test('a strict pool refuses', async () => {
  const locks = fakeWorld().pool({ strict: true })
  const reader = await read(locks)
  expect(await rejection(upgrade(locks, reader))).toMatchObject({ code: 'MODE_UNSUPPORTED' })
  await reader.release()
})

test('a pool that takes no more callers refuses to make a reader a writer, and still lets a writer read', async () => {
  const world = fakeWorld()
  const a = world.pool()
  const [reader, writer] = [await read(a), await a.acquire('invoice')]
  const closing = a.close({ graceMs: 10_000 })

  expect(await rejection(upgrade(a, reader))).toMatchObject({ code: 'POOL_CLOSED' })
  const reading = (await downgrade(a, writer))!
  expect(reading.mode).toBe('shared')
  await Promise.all([reader.release(), reading.release(), closing, world.clock.run(2000)])
})

test('only one that waits for other readers here counts as a waiter at once', async () => {
  const world = fakeWorld({ latencyMs: 5 })
  const a = world.pool()
  const reading = [read(a), read(a)]
  await world.clock.run(100)
  const [alone, other] = await Promise.all(reading)
  const queued: string[] = []
  a.on('waiter:queued', ({ key }) => queued.push(key))

  void rejection(upgrade(a, alone!, 1000))
  expect(queued).toEqual(['report'])
  await world.clock.run(2000)
  void other!.release()
  await world.clock.run(100)
  const writing = upgrade(a, alone!)
  expect(queued, 'no other reader is known').toEqual(['report'])
  await world.clock.run(100)
  await Promise.all([(await writing)!.release(), world.clock.run(100)])
})
