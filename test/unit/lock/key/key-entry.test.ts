/** A key as its callers see it: at their deadlines, and while other callers come and go. */
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

test('a caller that waits for another local caller gets its timeout at once', async () => {
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

test('each caller whose time is up gets the name of the current holder', async () => {
  const world = fakeWorld()
  const [a, b, waits] = [world.pool(), world.pool(), world.pool()]
  await Promise.all([b.ready(), waits.ready()])
  const first = await a.acquire('orders')
  const outcomes = [1000, 3000].map((timeoutMs) => rejection(waits.acquire('orders', { timeoutMs })))
  await world.clock.run(1500)
  const released = first.release()
  // Process `b` tries before the waiter has received the notification.
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

test('listeners and counters get the times of waits and holds, and who left without a grant', async () => {
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

test('a wake-up while an attempt is under way is not lost', async () => {
  let travel = (): number => 0
  const world = fakeWorld({ latencyMs: 1, random: { next: () => travel() } })
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool({ max: 1 }), world.pool()]
  const lock = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await world.clock.run(20)
  // The attempt of the poll reaches the server at once, and its answer takes 8 ms.
  const ways = [0, 8]
  travel = () => ways.shift() ?? 0
  while (ways.length > 0) await world.clock.run(1)
  expect(b.snapshot().keys).toMatchObject([{ state: 'polling' }])

  await lock.release()
  await world.clock.run(10)

  expect(await stateOf(waiting)).toBe('fulfilled')
  await (await waiting).release()
})

test('a wake-up that no process needs at this moment changes nothing', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const [lock, other] = [await a.acquire('orders'), await b.acquire('other')]
  // A process listens only while it waits, so each waits for a key of the other one.
  const waiting = [b.acquire('orders'), a.acquire('other')]
  await world.clock.run(20)
  expect([a.snapshot().listener, b.snapshot().listener]).toEqual(['listening', 'listening'])
  let received = 0
  for (const connection of world.server.connections)
    connection.deliver((handlers) => {
      received++
      handlers.onWakeUp('/orders', 'a stranger')
    })
  await world.clock.run(100)
  expect(received, 'the holder and the waiter').toBe(2)
  expect(lock.state).toBe('held')
  for (const each of waiting) expect(await stateOf(each)).toBe('pending')
  await Promise.all([lock.release(), other.release(), world.clock.run(100)])
  for (const each of waiting) await (await each).release()
})

test('each wait begins with frequent looks, however long the one before it was', async () => {
  const world = fakeWorld()
  world.server.longestWaitMs = 0
  world.server.notificationLoss = 1
  const [a, b] = [world.pool(), world.pool()]
  const servedAfter = async (heldMs: number): Promise<number> => {
    const lock = await a.acquire('orders')
    const waiting = b.acquire('orders')
    await world.clock.run(heldMs)
    const served = at(world, waiting)
    const since = world.clock.now()
    await Promise.all([lock.release(), world.clock.run(2000)])
    await (await waiting).release()
    await world.clock.run(100)
    return (await served) - since
  }
  await servedAfter(8000)
  expect(await servedAfter(10)).toBeLessThan(70)
})

test('a writer that gives up while it is waited for elsewhere leaves nothing behind in one statement', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const [mine, theirs] = [
    await a.acquire('report', { mode: 'shared' }),
    await b.acquire('report', { mode: 'shared' }),
  ]
  const controller = new AbortController()
  const writer = rejection(a.acquire('report', { signal: controller.signal }))
  await world.clock.run(50)
  await mine.release()
  await world.clock.run(50)
  expect(a.snapshot().keys).toMatchObject([{ state: 'waiting', mode: 'exclusive' }])
  const before = world.server.statements
  controller.abort(new Error('changed its mind'))
  await world.clock.run(10)
  await writer
  expect(
    world.server.statements - before,
    'the end of the wait, and a ring for readers at most',
  ).toBeLessThanOrEqual(2)
  expect((await b.acquire('report', { mode: 'shared' })).state).toBe('held')
  await theirs.release()
})

test('a reader who comes while an answer is on its way has a token that is drawn after it came', async () => {
  let travel = (): number => 0
  const world = fakeWorld({ latencyMs: 1, random: { next: () => travel() } })
  const [a, b] = [world.pool(), world.pool()]
  await Promise.all([a.ready(), b.ready()])
  // The first reader's attempt reaches the server at once, and its answer takes 30 ms.
  const ways = [0, 30]
  travel = () => ways.shift() ?? 0
  const first = a.acquire('report', { mode: 'shared' })
  await world.clock.run(5)
  const elsewhere = await b.acquire('report', { mode: 'shared' })
  const later = a.acquire('report', { mode: 'shared' })
  await world.clock.run(5)
  expect(await stateOf(first), 'the answer has not come').toBe('pending')
  await world.clock.run(50)

  const [one, other] = [await first, await later]
  expect(elsewhere.token).toBeGreaterThan(one.token)
  expect(other.token, 'it asked after that was granted').toBeGreaterThan(elsewhere.token)
  await Promise.all([one, other, elsewhere].map((lock) => lock.release()))
})

test('a reader whose time is up while it joins others has the lock, if the answer says so', async () => {
  const world = fakeWorld({ latencyMs: 50 })
  const locks = world.pool()
  const first = locks.acquire('report', { mode: 'shared' })
  await world.clock.run(1000)
  const second = locks.acquire('report', { mode: 'shared', timeoutMs: 60 })
  await world.clock.run(101)
  expect(await stateOf(second)).toBe('fulfilled')
  await Promise.all([(await first).release(), (await second).release(), world.clock.run(300)])
})

test('a waiter whose time is up while it looks again has the lock, if the answer says so', async () => {
  const world = fakeWorld({ latencyMs: 20 })
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool(), world.pool()]
  const acquired = a.acquire('orders')
  await world.clock.run(500)
  const since = world.clock.now()
  const waiting = b.acquire('orders', { timeoutMs: 2110 }).then((lock) => {
    return { lock, afterMs: world.clock.now() - since }
  })
  await world.clock.run(2000)
  // Each message takes 20 ms. The release, its wake-up and the notification come first. The attempt is under way from 80 ms to
  // 120 ms after the call of `release`, and the deadline is at 110 ms.
  const released = (await acquired).release()
  await world.clock.run(300)
  await released
  const { lock, afterMs } = await waiting
  expect(afterMs).toBe(2120)
  await Promise.all([lock.release(), world.clock.run(300)])
})
