import { expect, test } from 'vitest'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

const CONNECT_MS = 3000

function silentWorld(): FakeWorld {
  const world = fakeWorld()
  world.server.isSilent = true
  return world
}

test.each([0, 1, 3])('ready() retries a server that does not answer in time (min %i)', async (min) => {
  const world = silentWorld()
  const locks = world.pool({ min, connectTimeoutMs: CONNECT_MS })
  const ready = locks.ready()
  await world.clock.run(CONNECT_MS + 100)
  expect(await stateOf(ready)).toBe('pending')

  world.server.isSilent = false
  await world.clock.run(CONNECT_MS)
  expect(await stateOf(ready)).toBe('fulfilled')
  expect(locks.connections.totalCount).toBeGreaterThanOrEqual(min)
})

test.each([0, 1])('ready() gives up after the third attempt without an answer (min %i)', async (min) => {
  const world = silentWorld()
  const locks = world.pool({ min, connectTimeoutMs: CONNECT_MS })
  const outcome = rejection(locks.ready())
  await world.clock.run(CONNECT_MS * 2 + 1000)
  expect(await stateOf(outcome)).toBe('pending')
  await world.clock.run(CONNECT_MS + 1500)
  expect(await outcome).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
  expect((await outcome).message).toMatch(/^no connection within 3000 ms/)
  expect(locks.connections.counts().failed).toBe(3)
})

test('ready() rejects at once if a server refuses', async () => {
  const world = fakeWorld()
  world.server.stop()
  const locks = world.pool()
  const outcome = rejection(locks.ready())
  await world.clock.run(100)
  expect(await outcome).toMatchObject({ code: 'CONNECTION_FAILED' })
  expect(locks.connections.counts().failed).toBe(1)
})

test('ready() that waits for the next attempt ends with the pool', async () => {
  const world = silentWorld()
  const locks = world.pool({ connectTimeoutMs: CONNECT_MS })
  const outcome = rejection(locks.ready())
  await world.clock.run(CONNECT_MS + 1)
  const closing = locks.close({ graceMs: 0 })
  expect(await outcome).toMatchObject({ code: 'POOL_CLOSED' })
  await world.clock.run(1000)
  await closing
})
