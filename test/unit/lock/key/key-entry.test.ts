/** A key as its callers see it: at their deadlines, after failed batches, with others who come and go. */
import { expect, test } from 'vitest'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../../support/fake-world.js'

async function at<T>({ clock }: FakeWorld, promise: Promise<T>): Promise<number> {
  await promise
  return clock.now()
}

test('a reader whose time is up keeps waiting for an answer that may be for all readers; a writer behind another does not', async () => {
  const outcomes = async (mode: 'shared' | 'exclusive'): Promise<(string | undefined)[]> => {
    const world = fakeWorld({ latencyMs: 50 })
    const locks = world.pool()
    await Promise.all([locks.ready(), world.clock.run(1000)])
    const first = locks.acquire('report', { mode, timeoutMs: 1000 })
    const second = locks.acquire('report', { mode, timeoutMs: 60 })
    const told = second.then(
      () => 'granted',
      (error: { code: string }) => error.code,
    )
    await world.clock.run(61)
    const afterDeadline = await stateOf(second)
    await world.clock.run(100)
    const seen = [afterDeadline, await told]
    const locksHeld = await Promise.all([first, second.catch(() => null)])
    await Promise.all([...locksHeld.map((lock) => lock?.release()), world.clock.run(200)])
    return seen
  }
  expect(await outcomes('shared')).toEqual(['pending', 'granted'])
  expect(await outcomes('exclusive')).toEqual(['rejected', 'LOCK_TIMEOUT'])
})

test('a reader behind a writer is no part of the answer that the writer waits for', async () => {
  const world = fakeWorld({ latencyMs: 50 })
  const locks = world.pool()
  await Promise.all([locks.ready(), world.clock.run(1000)])
  const writer = locks.acquire('report', { timeoutMs: 1000 })
  const reader = locks.acquire('report', { mode: 'shared', timeoutMs: 60 })
  const outcome = rejection(reader)
  await world.clock.run(61)
  expect(await stateOf(reader)).toBe('rejected')
  expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
  await world.clock.run(100)
  await Promise.all([(await writer).release(), world.clock.run(200)])
})

test('who waits for another caller of this process is told at once that the time is up', async () => {
  const world = fakeWorld({ latencyMs: 5 })
  const locks = world.pool()
  const held = locks.acquire('orders')
  await world.clock.run(50)
  const since = world.clock.now()
  const outcome = rejection(locks.acquire('orders', { timeoutMs: 100 }))
  const told = at(world, outcome)
  await world.clock.run(150)
  expect(await outcome).toMatchObject({ phase: 'queueing' })
  expect((await told) - since).toBe(100)
  await Promise.all([(await held).release(), world.clock.run(50)])
})

test('each caller whose time is up is told who has the lock then', async () => {
  const world = fakeWorld()
  const [a, b, waits] = [world.pool(), world.pool(), world.pool()]
  await Promise.all([b.ready(), waits.ready()])
  const first = await a.acquire('orders')
  const outcomes = [1000, 3000].map((timeoutMs) => rejection(waits.acquire('orders', { timeoutMs })))
  await world.clock.run(1500)
  const released = first.release()
  // It asks before the waiter has heard the bell.
  const second = await b.tryAcquire('orders')
  await released
  await world.clock.run(2000)

  const [one, other] = await Promise.all(outcomes)
  expect(one!.message).toContain(`held by session ${a.snapshot().sessions[0]!.serverId}`)
  expect(other!.message).toContain(`held by session ${b.snapshot().sessions[0]!.serverId}`)
  await second!.release()
})

test('two callers whose time is up at once cost the server one look', async () => {
  const world = fakeWorld()
  const [a, waits] = [world.pool(), world.pool()]
  const lock = await a.acquire('orders')
  const outcomes = [1, 2].map(() => rejection(waits.acquire('orders', { timeoutMs: 1000 })))
  await world.clock.run(999)
  const before = world.server.statements
  await world.clock.run(5)
  for (const outcome of outcomes) expect((await outcome).message).toContain('held by session')
  expect(world.server.statements - before, 'the look, and the end of the wait').toBeLessThanOrEqual(2)
  await lock.release()
})

test('who waits for a lock still hears the bell after another batch of its session has failed', async () => {
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

test('a wait whose end fails is no trouble of the next caller', async () => {
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

test('a key that is waited for takes three entries of the lock table more, until the wait is over', async () => {
  const world = fakeWorld()
  const [holds, waits] = [world.pool(), world.pool({ maxHeldLocks: 5 })]
  const lock = await holds.acquire('orders')
  const waiting = waits.acquire('orders')
  await world.clock.run(20)
  const one = await waits.acquire('one')
  expect(await rejection(waits.acquire('two'))).toMatchObject({ code: 'LOCK_TABLE_FULL' })

  await Promise.all([lock.release(), world.clock.run(100)])
  const held = [one, await waiting]
  for (const key of ['two', 'three', 'four']) held.push(await waits.acquire(key))
  expect(await rejection(waits.acquire('five'))).toMatchObject({ code: 'LOCK_TABLE_FULL' })
  await Promise.all(held.map((each) => each.release()))
})

test('listeners and counters are told how long was waited and held, and who left without', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const told: unknown[] = []
  for (const event of ['lock:acquired', 'lock:released', 'waiter:left'] as const)
    locks.on(event, (details) => told.push([event, details]))
  await world.clock.run(1000)
  const first = await locks.acquire('orders')
  const second = locks.acquire('orders')
  const third = rejection(locks.acquire('orders', { timeoutMs: 100 }))
  await world.clock.run(100)
  await third
  await world.clock.run(150)
  await first.release()
  const lock = await second
  await world.clock.run(30)
  await lock.release()

  const key = { key: 'orders', mode: 'exclusive' }
  expect(told).toEqual([
    ['waiter:left', { ...key, waitedMs: 0, granted: true }],
    ['lock:acquired', { ...key, waitedMs: 0 }],
    ['waiter:left', { ...key, waitedMs: 100, granted: false }],
    ['lock:released', { ...key, heldMs: 250 }],
    ['waiter:left', { ...key, waitedMs: 250, granted: true }],
    ['lock:acquired', { ...key, waitedMs: 250 }],
    ['lock:released', { ...key, heldMs: 30 }],
  ])
  expect(locks.snapshot().counters).toMatchObject({
    acquired: 2,
    released: 2,
    refused: 1,
    timeouts: 1,
    lost: 0,
  })
})
