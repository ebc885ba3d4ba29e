import { expect, test } from 'vitest'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('close refuses those who wait, waits for holders, and ends', async () => {
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

test('a holder that does not release in time loses its lock', async () => {
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

test('a pool that was never used closes at once', async () => {
  const world = fakeWorld()
  const locks = world.pool()

  await locks.close()

  expect(world.server.statements).toBe(0)
})

test('closing settles while connecting, and while the server says nothing', async () => {
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
