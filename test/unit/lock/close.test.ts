import { expect, test } from 'vitest'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('close refuses waiters, waits for holders, and ends', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire('orders')
  const [local, remote] = [rejection(a.acquire('orders')), rejection(b.acquire('orders'))]
  await world.clock.run(10)

  const closing = Promise.all([a.close(), b.close()])

  expect(await local).toMatchObject({ code: 'POOL_CLOSED' })
  expect(await remote).toMatchObject({ code: 'POOL_CLOSED' })
  await world.clock.run(1000)
  expect(held.state).toBe('held')
  expect(a.snapshot().state).toBe('closing')
  await held.release()
  await world.clock.run(10)
  await closing
  expect(a.snapshot()).toMatchObject({ state: 'closed', sessions: [], connections: { total: 0 } })
})

test('a holder that does not release in time loses its lock at close', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const lock = await locks.acquire('orders')

  const closing = locks.close({ graceMs: 500 })
  await world.clock.run(499)
  expect(lock.state).toBe('held')
  await world.clock.run(1)

  await closing
  expect(lock.state).toBe('lost')
  expect(await rejection(lock.release())).toMatchObject({ code: 'LOCK_LOST', reason: 'the pool was closed' })
})

test('closing is idempotent, and refuses new work', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  await locks.ready()

  const closing = [locks.close(), locks.close()]
  expect(closing[0]).toBe(closing[1])
  await Promise.all(closing)
  await locks.close()

  expect(await rejection(locks.acquire('orders'))).toMatchObject({ code: 'POOL_CLOSED' })
  expect(await rejection(locks.tryAcquire('orders'))).toMatchObject({ code: 'POOL_CLOSED' })
  expect(await rejection(locks.ready())).toMatchObject({ code: 'POOL_CLOSED' })
  expect(await rejection(locks.connections.connect())).toMatchObject({ code: 'POOL_CLOSED' })
})

test.each([
  [0, false],
  [1, false],
  [0, true],
  [1, true],
])(
  'ready() rejects at once when the pool is closed, at any point (min %i, silent: %s)',
  async (min, isSilent) => {
    for (let step = 0; step < 40; step++) {
      const world = fakeWorld()
      const locks = world.pool({ min })
      world.server.isSilent = isSilent
      const ready = locks.ready().then(
        () => 'ready',
        (error: { code: string }) => error.code,
      )
      for (let i = 0; i < step; i++) await Promise.resolve()
      const closing = locks.close({ graceMs: 60_000 })

      expect(await stateOf(ready)).toBe('fulfilled')
      expect(['ready', 'POOL_CLOSED']).toContain(await ready)
      await world.clock.run(1000)
      await closing
    }
  },
)

test.each([0, 1])(
  'ready() does not wait for holders to be done when the pool is closed (min %i)',
  async (min) => {
    const world = fakeWorld()
    const locks = world.pool({ min, max: 2 })
    const lock = await locks.acquire('orders')

    const closing = locks.close({ graceMs: 10_000 })

    expect(await rejection(locks.ready())).toMatchObject({ code: 'POOL_CLOSED' })
    await lock.release()
    await world.clock.run(1000)
    await closing
  },
)

test('ready() is answered even if the last caller that wanted a session has just left', async () => {
  const world = fakeWorld()
  const locks = world.pool({ min: 0 })
  const enough = new AbortController()
  const acquiring = rejection(locks.acquire('orders', { signal: enough.signal }))
  enough.abort('enough')
  const ready = locks.ready()

  expect(await acquiring).toBe('enough')
  await world.clock.run(100)
  expect(await ready).toBe(locks)
})

test('a pool that was never used closes at once', async () => {
  const world = fakeWorld()
  const locks = world.pool()

  await locks.close()

  expect(world.server.statements).toBe(0)
})

test('closing settles while connecting, and with a silent server', async () => {
  const world = fakeWorld()
  world.server.isSilent = true
  const locks = world.pool()
  const outcome = rejection(locks.acquire('orders'))
  await world.clock.run(10)

  const closing = locks.close({ graceMs: 100 })
  await world.clock.run(100)

  expect(await outcome).toMatchObject({ code: 'POOL_CLOSED' })
  expect(await stateOf(closing)).toBe('fulfilled')
})

test('closing settles when a connection does not answer any more', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const lock = await locks.acquire('orders')
  for (const connection of world.server.connections) connection.isCutOff = true

  const released = rejection(lock.release())
  const closing = locks.close({ graceMs: 100 })
  await world.clock.run(3000)

  expect(await released).toMatchObject({ code: 'LOCK_LOST' })
  expect(await stateOf(closing)).toBe('fulfilled')
})

test.each<[what: string, options: unknown, message: RegExp]>([
  ['a wrong grace', { graceMs: -1 }, /"graceMs" must be/],
  ['an unknown option', { gracePeriod: 100 }, /unknown option "gracePeriod"/],
  ['no object', 5000, /options must be an object, got 5000/],
  ['null', null, /got null/],
])('%s is refused, and nothing is closed', async (_, options, message) => {
  const world = fakeWorld()
  const locks = world.pool()

  const error = await rejection(locks.close(options as object))

  expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(message) })
  expect(locks.snapshot().state).toBe('open')
})
