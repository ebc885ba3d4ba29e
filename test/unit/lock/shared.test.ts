import { expect, test } from 'vitest'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('readers share, within a process and across', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]

  const readers = await Promise.all([a, a, b].map((locks) => locks.acquire('report', { mode: 'shared' })))

  expect(world.server.table.holders('/report'), 'one lock per session, however many readers').toHaveLength(2)
  expect(new Set(readers.map((lock) => lock.token)).size).toBe(3)
  await Promise.all(readers.map((lock) => lock.release()))
  expect(world.server.table.size).toBe(0)
})

test('a reader who comes later has a greater token than all before, wherever they were', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  let last = 0n

  for (const locks of [a, b, a, a, b]) {
    const lock = await locks.acquire('report', { mode: 'shared' })
    expect(lock.token).toBeGreaterThan(last)
    last = lock.token
  }
})

test('a writer waits for every reader, and readers for the writer', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const [first, second] = [
    await a.acquire('report', { mode: 'shared' }),
    await b.acquire('report', { mode: 'shared' }),
  ]

  const writing = a.acquire('report')
  await first.release()
  await world.clock.run(10)
  expect(await stateOf(writing)).toBe('pending')
  await second.release()
  await world.clock.run(10)

  const writer = await writing
  expect(await b.tryAcquire('report', { mode: 'shared' })).toBeNull()
  await writer.release()
  expect((await b.tryAcquire('report', { mode: 'shared' }))?.mode).toBe('shared')
})

test.each([
  ['in the process that reads', 0],
  ['in another process', 1],
] as const)('a writer who waits %s keeps later readers from passing, everywhere', async (_, writer) => {
  const world = fakeWorld()
  const pools = [world.pool(), world.pool(), world.pool()] as const
  const reader = await pools[0].acquire('report', { mode: 'shared' })

  const writing = pools[writer].acquire('report')
  await world.clock.run(10)

  for (const locks of pools) expect(await locks.tryAcquire('report', { mode: 'shared' })).toBeNull()
  await reader.release()
  await world.clock.run(10)
  expect((await writing).state).toBe('held')
})

test('a writer gets its turn while readers come and go without a gap', async () => {
  const world = fakeWorld()
  const [a, b, c] = [world.pool(), world.pool(), world.pool()]
  let reading = await a.acquire('report', { mode: 'shared' })
  const writing = b.acquire('report', { timeoutMs: 2000 })
  await world.clock.run(10)

  for (let i = 0; i < 100 && (await stateOf(writing)) === 'pending'; i++) {
    // The next reader requests the lock before the current reader releases it.
    const next = [a, c][i % 2]!.acquire('report', { mode: 'shared' })
    next.catch(() => undefined)
    await world.clock.run(5)
    await reading.release()
    await world.clock.run(5)
    if ((await stateOf(next)) === 'pending') break
    reading = await next
  }

  expect((await writing).mode).toBe('exclusive')
})

test('when the writer gives up, readers may come again', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const reader = await a.acquire('report', { mode: 'shared' })
  for (const locks of [a, b]) {
    const writing = rejection(locks.acquire('report', { timeoutMs: 100 }))
    await world.clock.run(50)
    expect(await locks.tryAcquire('report', { mode: 'shared' })).toBeNull()
    await world.clock.run(100)
    await writing

    const again = await b.tryAcquire('report', { mode: 'shared' })
    expect(again?.mode, 'the mark of the writer is gone').toBe('shared')
    await again!.release()
    const here = await a.tryAcquire('report', { mode: 'shared' })
    expect(here?.mode, 'those who read know it at the first attempt').toBe('shared')
    await here!.release()
  }
  await reader.release()
})

test('a reader that yielded to a writer which has gone does not wait for other readers', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const reading = await a.acquire('report', { mode: 'shared' })
  const controller = new AbortController()
  const writing = rejection(b.acquire('report', { signal: controller.signal }))
  await world.clock.run(10)
  const later = a.acquire('report', { mode: 'shared' })
  await world.clock.run(2000)
  expect(await stateOf(later), 'while the writer waits').toBe('pending')

  controller.abort(new Error('changed its mind'))
  await writing
  await world.clock.run(1100)

  expect(await stateOf(later), 'while the other reader reads on').toBe('fulfilled')
  expect(reading.state).toBe('held')
  expect((await later).token).toBeGreaterThan(reading.token)
})

test('readers behind a writer of their process are served together after it', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const writer = await locks.acquire('report')
  const readers = [1, 2, 3].map(() => locks.acquire('report', { mode: 'shared' }))
  const last = locks.acquire('report')

  await writer.release()
  const held = await Promise.all(readers)

  expect(await stateOf(last)).toBe('pending')
  await Promise.all(held.map((lock) => lock.release()))
  expect((await last).mode).toBe('exclusive')
})

test('there is no upgrade: a reader that asks for more waits like every other caller', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const reader = await locks.acquire('report', { mode: 'shared' })

  const outcome = rejection(locks.acquire('report', { timeoutMs: 50 }))
  await world.clock.run(100)

  expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
  await reader.release()
})

test('an attempt to read is answered at once while the readers of this process yield to a writer of another', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const reader = await a.acquire('report', { mode: 'shared' })
  const writing = b.acquire('report')
  await world.clock.run(10)

  expect(await a.tryAcquire('report', { mode: 'shared' })).toBeNull()
  expect(await a.tryAcquire('report', { mode: 'shared' }), 'the server need not be asked again').toBeNull()

  await reader.release()
  await world.clock.run(10)
  await (await writing).release()
})
