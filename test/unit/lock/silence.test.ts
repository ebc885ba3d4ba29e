import { expect, test, vi } from 'vitest'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

/** Waits for one more connection, and cuts it off before any statement is sent on it. */
async function cutNext(world: FakeWorld): Promise<FakeConnection> {
  const before = new Set(world.server.connections)
  for (;;) {
    await world.clock.run(1)
    const next = [...world.server.connections].find((connection) => !before.has(connection))
    if (next === undefined) continue
    next.isCutOff = true
    return next
  }
}

test('a session that is checked in at a silent server does not keep its place', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const locks = world.pool({ max: 1, leaseMs: 3000 })
  const acquired = locks.acquire('orders')
  await world.clock.run(50)
  const released = (await acquired).release()
  await world.clock.run(50)
  await released
  const [connection] = world.server.connections
  connection!.isCutOff = true

  const borrowed = locks.connections.connect({ timeoutMs: Infinity })
  await world.clock.run(2000)
  expect(await stateOf(borrowed), 'it may still answer').toBe('pending')
  await world.clock.run(1500)
  expect(await stateOf(borrowed)).toBe('fulfilled')
  ;(await borrowed).release()
})

test('a listener that gets no answer to LISTEN is closed, and another attempt follows', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const [holder, waiter] = [world.pool(), world.pool({ max: 2 })]
  const held = holder.acquire('orders')
  await world.clock.run(50)
  const lock = await held
  const first = cutNext(world)
  const session = waiter.ready()
  ;(await first).isCutOff = false
  await world.clock.run(50)
  await session
  const waiting = waiter.acquire('orders', { timeoutMs: Infinity })
  const cutOff = await cutNext(world)

  await world.clock.run(9000)
  expect(waiter.snapshot().listener).toBe('opening')
  await world.clock.run(3000)
  expect(waiter.snapshot().listener, 'on another connection').toBe('listening')
  expect(world.server.connections.has(cutOff), 'the server does not notice').toBe(true)

  cutOff.isCutOff = false
  await Promise.all([lock.release(), world.clock.run(100)])
  expect(await stateOf(waiting)).toBe('fulfilled')
  await Promise.all([(await waiting).release(), world.clock.run(100)])
})

test('a listener that gets no answer to UNLISTEN costs its connection, and nothing else', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  world.server.longestWaitMs = 0
  const [holder, waiter] = [world.pool(), world.pool({ max: 2, leaseMs: 86_400_000 })]
  const held = holder.acquire('orders')
  await world.clock.run(50)
  const lock = await held
  const waiting = waiter.acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(500)
  expect(waiter.snapshot().listener).toBe('listening')
  const cutOff = [...world.server.connections].find(({ handlers }) => handlers !== null)!
  cutOff.isCutOff = true

  await Promise.all([lock.release(), world.clock.run(2000)])
  await Promise.all([(await waiting).release(), world.clock.run(5100)])
  expect(waiter.snapshot().listener).toBe('off')
  await world.clock.run(10_100)
  expect(waiter.snapshot().connections.leased, 'the session alone').toBe(1)
  // The server has no reason to end a session that only listens, until TCP gives up.
  cutOff.isCutOff = false
})

test('a listener that goes silent is noticed while a caller waits, and replaced', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const [holder, waiter] = [world.pool(), world.pool()]
  const warnings: string[] = []
  waiter.on('warning', ({ message }) => warnings.push(message))
  const held = holder.acquire('orders')
  await world.clock.run(50)
  const lock = await held
  const waiting = waiter.acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(500)
  const cutOff = [...world.server.connections].find(({ handlers }) => handlers !== null)!
  await world.clock.run(20_000)
  expect(waiter.snapshot().listener).toBe('listening')
  expect(cutOff.handlers, 'one that can be heard is kept').not.toBeNull()
  expect(warnings).toEqual([])

  cutOff.isCutOff = true
  await world.clock.run(15_100)
  expect(warnings.join()).toMatch(/wake-up notifications do not arrive/)
  await world.clock.run(1000)
  expect(waiter.snapshot().listener, 'on another connection').toBe('listening')

  // The release comes between two polls, which are most of a second apart by now.
  const releasedAt = world.clock.now()
  let servedAt = 0
  void waiting.then(() => (servedAt = world.clock.now()))
  await Promise.all([lock.release(), world.clock.run(100)])
  expect(servedAt - releasedAt).toBeLessThan(20)
  await Promise.all([(await waiting).release(), world.clock.run(100)])
  cutOff.isCutOff = false
})

test('the end of a connection that was the listener once does not end the listener', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const [holder, waiter] = [world.pool(), world.pool()]
  const listeners = () => [...world.server.connections].filter(({ handlers }) => handlers !== null)
  const held = holder.acquire('orders')
  await world.clock.run(10)
  const impatient = waiter.acquire('orders', { timeoutMs: 500 }).catch(() => null)
  await world.clock.run(300)
  const [once] = listeners()
  // No caller waits any more, so the listener checks its connection in. Another caller borrows it.
  await world.clock.run(6500)
  await impatient
  const borrowed = waiter.connections.connect()
  const more = waiter.connections.connect()
  await world.clock.run(10)
  const waiting = waiter.acquire('orders')
  await world.clock.run(300)
  const [now] = listeners()
  expect([once!.handlers, now === once], 'another connection is the listener now').toEqual([null, false])

  world.server.end(once!)
  await world.clock.run(10)

  expect(listeners()).toEqual([now])
  expect(waiter.snapshot().listener).toBe('listening')
  for (const each of [borrowed, more]) (await each).release()
  await Promise.all([(await held).release(), world.clock.run(50)])
  await Promise.all([(await waiting).release(), world.clock.run(50)])
})

test('a listener whose connection ends during LISTEN is replaced', async () => {
  const world = fakeWorld()
  const { dialect } = world.server
  const listen = dialect.listen.bind(dialect)
  let attempts = 0
  vi.spyOn(dialect, 'listen').mockImplementation(async (connection, handlers) => {
    const stop = await listen(connection, handlers)
    if (attempts++ === 0) world.server.end(connection)
    return stop
  })
  const [holder, waiter] = [world.pool(), world.pool()]
  const lock = await holder.acquire('orders')
  const waiting = waiter.acquire('orders')
  await world.clock.run(5000)

  expect(waiter.snapshot().listener).toBe('listening')
  expect([...world.server.connections].filter(({ handlers }) => handlers !== null)).toHaveLength(1)
  expect(waiter.snapshot().connections.leased, 'a session and the listener').toBe(2)
  await Promise.all([lock.release(), world.clock.run(100)])
  await (await waiting).release()
})

test.each([
  ['a lock', (world: FakeWorld) => world.pool({ acquireTimeoutMs: 500 }).acquire('orders')],
  ['a permit', (world: FakeWorld) => world.pool({ acquireTimeoutMs: 500 }).semaphore('orders', 2).acquire()],
  ['a connection', (world: FakeWorld) => world.pool({ acquireTimeoutMs: 500 }).connections.connect()],
])('a request for %s to a silent server fails with the cause', async (_, ask) => {
  const world = fakeWorld()
  world.server.isSilent = true
  const outcome = rejection(ask(world))
  await world.clock.run(1000)

  expect(await outcome).toMatchObject({
    code: 'LOCK_TIMEOUT',
    phase: 'connecting',
    cause: { code: 'CONNECTION_FAILED', message: expect.stringContaining('no answer') },
  })
})
