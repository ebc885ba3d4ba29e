import { expect, test, vi } from 'vitest'
import { ConnectionError } from '../../../src/base/errors.js'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

/** The ways to wait for something with a time limit. */
const WAYS: readonly (readonly [string, (pool: FakeLockPool, timeoutMs?: number) => Promise<unknown>])[] = [
  ['a lock', (pool, timeoutMs) => pool.acquire('a', timeoutMs === undefined ? {} : { timeoutMs })],
  [
    'a permit',
    (pool, timeoutMs) => pool.semaphore('a', 2).acquire(timeoutMs === undefined ? {} : { timeoutMs }),
  ],
  [
    'several locks',
    (pool, timeoutMs) => pool.acquireAll(['a', 'b'], timeoutMs === undefined ? {} : { timeoutMs }),
  ],
]

function worldWithout(): FakeWorld {
  const world = fakeWorld()
  world.server.stop()
  return world
}

test.each(WAYS)(
  'a caller that waits for %s with its own time limit gets it when the server is back',
  async (_, ask) => {
    const world = worldWithout()
    const waiting = ask(world.pool(), 60_000)
    await world.clock.run(20_000)
    expect(await stateOf(waiting)).toBe('pending')

    world.server.start()
    await world.clock.run(2000)
    expect(await stateOf(waiting)).toBe('fulfilled')
  },
)

test.each(WAYS)(
  'when the time for %s is up, the error says that the server was away, and why',
  async (_, ask) => {
    const world = worldWithout()
    const outcome = rejection(ask(world.pool(), 5000))
    await world.clock.run(5000)
    expect(await outcome).toMatchObject({
      code: 'LOCK_TIMEOUT',
      phase: 'connecting',
      waitedMs: 5000,
      cause: { code: 'CONNECTION_FAILED' },
    })
  },
)

test.each(WAYS)('a caller without a time limit for %s gets its error at once', async (_, ask) => {
  const world = worldWithout()
  const pool = world.pool()
  const outcome = rejection(ask(pool))
  await world.clock.run(100)
  expect(await outcome).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
})

test('single attempts fail at once, also while other callers wait for the server', async () => {
  const world = worldWithout()
  const pool = world.pool()
  const waiting = rejection(pool.acquire('a', { timeoutMs: 9000 }))
  await world.clock.run(1000)
  const impatient = [
    pool.tryAcquire('b'),
    pool.acquire('c', { timeoutMs: 0 }),
    pool.acquire('d'),
    pool.acquire('a'),
    pool.semaphore('s', 2).tryAcquire(),
  ].map(rejection)
  expect(await pool.tryAcquire('a'), 'somebody here waits for it').toBeNull()
  await world.clock.run(1)
  for (const outcome of impatient) expect(await outcome).toMatchObject({ code: 'CONNECTION_FAILED' })
  await world.clock.run(8000)
  expect(await waiting).toMatchObject({ code: 'LOCK_TIMEOUT' })
})

test('"wait" makes every caller wait who may wait at all, and "fail" none', async () => {
  const world = worldWithout()
  const patient = rejection(world.pool({ whileDown: 'wait', acquireTimeoutMs: 3000 }).acquire('a'))
  const once = rejection(world.pool({ whileDown: 'wait' }).tryAcquire('a'))
  const never = rejection(world.pool({ whileDown: 'fail' }).acquire('a', { timeoutMs: 3000 }))
  await world.clock.run(100)
  expect(await once).toMatchObject({ code: 'CONNECTION_FAILED' })
  expect(await never).toMatchObject({ code: 'CONNECTION_FAILED' })
  await world.clock.run(3000)
  expect(await patient).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'connecting' })
})

test('a permanent error is reported at once, also to callers that have waited for a while', async () => {
  const world = worldWithout()
  const pool = world.pool()
  const waiting = rejection(pool.acquire('a', { timeoutMs: 60_000 }))
  await world.clock.run(3000)
  const wrong = new ConnectionError('the password is wrong now', { retryable: false })
  vi.spyOn(world.server.dialect, 'attach').mockRejectedValue(wrong)
  world.server.start()
  await world.clock.run(3000)
  expect(await waiting).toBe(wrong)
})

test('a caller that waits for the server can be aborted', async () => {
  const world = worldWithout()
  const pool = world.pool({ min: 0 })
  const abort = new AbortController()
  const waiting = rejection(pool.acquire('a', { timeoutMs: 60_000, signal: abort.signal }))
  await world.clock.run(3000)
  abort.abort(new Error('enough'))
  expect((await waiting).message).toBe('enough')
  await world.clock.run(3000)
  expect(world.clock.armed, 'nobody asks any more').toBe(0)
})

test('a closing pool refuses callers that wait for the server', async () => {
  const world = worldWithout()
  const pool = world.pool()
  const waiting = rejection(pool.acquire('a', { timeoutMs: 60_000 }))
  await world.clock.run(3000)
  await pool.close()
  expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
})

test('a thousand who wait for different keys ask the server as often as one does', async () => {
  const world = worldWithout()
  const pool = world.pool()
  let attempts = 0
  pool.connections.on('connection:failed', () => attempts++)
  const waiting = Array.from({ length: 1000 }, (_, i) => pool.acquire(`key ${i}`, { timeoutMs: 60_000 }))
  await world.clock.run(20_000)
  expect(attempts).toBeLessThanOrEqual(40)
  expect(attempts).toBeGreaterThan(10)
  world.server.start()
  await world.clock.run(3000)
  await Promise.all(waiting)
})

test('a standby that is promoted is found within half a second', async () => {
  const world = fakeWorld()
  const standby = new ConnectionError('a standby', { retryAfterMs: 250 })
  const attach = vi.spyOn(world.server.dialect, 'attach').mockRejectedValue(standby)
  const waiting = world.pool().acquire('a', { timeoutMs: 60_000 })
  await world.clock.run(20_000)
  expect(await stateOf(waiting)).toBe('pending')
  const calls = attach.mock.calls.length
  attach.mockRestore()
  await world.clock.run(400)
  expect(await stateOf(waiting)).toBe('fulfilled')
  expect(calls, 'and is not asked without a pause').toBeLessThan(100)
})
