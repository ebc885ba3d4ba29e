import { afterEach, describe, expect, test, vi } from 'vitest'
import { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { FakeServer } from '../../../src/testing/fake-server.js'

test('it works without arguments, alone on a server of its own', async () => {
  const [a, b] = [new FakeLockPool(), new FakeLockPool()]
  const lock = await a.acquire('key')
  const elsewhere = await b.tryAcquire('key')

  expect(elsewhere).not.toBeNull()
  expect(await new FakeLockPool(a.server).tryAcquire('key')).toBeNull()
  await Promise.all([lock.release(), elsewhere!.release()])
  await Promise.all([a.close(), b.close()])
})

test('options in the place of the server are refused with a clear error', () => {
  const options = { max: 3 } as unknown as FakeServer
  expect(() => new FakeLockPool(options)).toThrow(/first argument of FakeLockPool must be a FakeServer/)
  expect(() => new FakeLockPool(new FakeServer(), { max: 0 })).toThrow(/"max"/)
})

describe('under the fake timers of a test framework', () => {
  afterEach(() => vi.useRealTimers())

  /** Jest fakes all of these, and `process.nextTick`; Vitest all but the last. */
  const FAKED = [
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'setImmediate',
    'clearImmediate',
    'Date',
    'performance',
    'hrtime',
    'queueMicrotask',
  ] as const

  test('locks come and go without a timer, in a pool and between pools', async () => {
    vi.useFakeTimers({ toFake: [...FAKED] })
    const a = new FakeLockPool()
    const b = new FakeLockPool(a.server)
    for (const pool of [a, b, a]) await pool.withLock('key', () => undefined)
    const held = await a.acquire('key', { mode: 'shared' })
    const shared = await b.acquire('key', { mode: 'shared' })
    expect(await a.semaphore('permits', 1).withPermit(() => 'done')).toBe('done')

    await Promise.all([held.release(), shared.release()])
    await Promise.all([a.close(), b.close()])
  })

  test('a wait ends when the test moves the clock, and not before', async () => {
    vi.useFakeTimers({ toFake: [...FAKED] })
    const pool = new FakeLockPool()
    const lock = await pool.acquire('key')
    let code: unknown = 'waiting'
    const waited = pool
      .acquire('key', { timeoutMs: 5000 })
      .catch((error: { code: unknown }) => (code = error.code))

    await vi.advanceTimersByTimeAsync(4999)
    expect(code).toBe('waiting')
    await vi.advanceTimersByTimeAsync(1)
    await waited
    expect(code).toBe('LOCK_TIMEOUT')
    await lock.release()
    await pool.close()
  })
})
