import { afterEach, expect, test, vi } from 'vitest'
import { assert, assertMove, InvariantError } from '../../../src/base/assert.js'
import { backoffDelay } from '../../../src/base/backoff.js'
import { sleep, systemClock } from '../../../src/base/clock.js'
import { Emitter } from '../../../src/base/emitter.js'
import { LockTimeoutError } from '../../../src/base/errors.js'
import { show } from '../../../src/base/options.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'

afterEach(() => {
  vi.useRealTimers()
})

test('a failed assertion is reported as a bug of lockpool, with its message', () => {
  expect(() => assert(true, 'fine')).not.toThrow()
  expect(() => assert(false, 'not fine')).toThrow(InvariantError)
  expect(() => assertMove({ a: ['b'], b: [] }, 'b', 'a', 'thing 7')).toThrow('thing 7: b -> a')
})

test('a back-off grows to its cap, and chance only lengthens it', () => {
  const backoff = { firstMs: 50, factor: 2, capMs: 800, jitter: 0.5 }
  const least = { next: () => 0 }
  const most = { next: () => 0.999 }

  expect([0, 1, 2, 3, 4, 5, 6].map((i) => backoffDelay(backoff, i, least))).toEqual([
    50, 100, 200, 400, 800, 800, 800,
  ])
  expect(backoffDelay(backoff, 0, most)).toBeCloseTo(74.975)
})

test('the system clock waits at most as long as a timer can, and never without end', () => {
  vi.useFakeTimers()
  const action = vi.fn()
  const cancel = systemClock.after(2 ** 40, action)
  systemClock.after(Infinity, action)
  vi.advanceTimersByTime(10_000)

  expect(action).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(1)
  cancel()
  cancel()
  expect(vi.getTimerCount()).toBe(0)
})

test('the elapsed time is that of the clock that advanced more', () => {
  const clock = new ManualClock()
  const then = clock.instant()

  clock.advance(100)
  expect(clock.since(then)).toBe(100)
  clock.suspend(1000)
  expect(clock.since(then)).toBe(1100)
  expect(clock.now()).toBe(100)
  expect(systemClock.since(systemClock.instant())).toBeLessThan(1000)
})

test('a sleep ends at its time or with its signal, and leaves no timer', async () => {
  const clock = new ManualClock()
  const controller = new AbortController()
  const slept = [
    sleep(clock, 100),
    sleep(clock, 1000, controller.signal),
    sleep(clock, 1000, AbortSignal.abort()),
  ]

  await slept[2]
  await clock.run(100)
  await slept[0]
  controller.abort()
  await slept[1]

  expect(clock.armed).toBe(0)
})

test('listeners get their events until they are removed', () => {
  const emitter = new Emitter<{ ring: number }>()
  const listener = vi.fn()
  expect(emitter.hasListener('ring')).toBe(false)
  emitter.on('ring', listener)
  emitter.on('ring', listener)

  emitter.emit('ring', 1)
  emitter.off('ring', listener)
  emitter.emit('ring', 2)

  expect(listener.mock.calls).toEqual([[1]])
  expect(emitter.hasListener('ring')).toBe(false)
})

test('a listener that throws affects neither the emitter nor other listeners', async () => {
  const emitter = new Emitter<{ ring: number }>()
  const uncaught = vi.fn()
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', uncaught)
  const other = vi.fn()
  emitter.on('ring', () => {
    throw new Error('mine')
  })
  emitter.on('ring', other)

  emitter.emit('ring', 1)
  await new Promise((resolve) => setImmediate(resolve))

  expect(other).toHaveBeenCalledWith(1)
  expect(uncaught.mock.calls[0]![0]).toMatchObject({ message: 'mine' })
  for (const listener of before) process.on('uncaughtException', listener)
})

test('an error names itself, its code and its cause', () => {
  const error = new LockTimeoutError({ key: 'lock "a"', phase: 'locking', waitedMs: 12.6 }, { cause: 'why' })

  expect(String(error)).toBe(
    'LockTimeoutError: lock "a" was not acquired in 13 ms (another session holds it, and the server could not name it)',
  )
  expect(error.stack).toMatch(/^LockTimeoutError: /)
  expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', retryable: true, cause: 'why', waitedMs: 12.6 })
  expect(Object.keys(error)).not.toContain('name')
})

test('a value is shown shortened, and an object not at all', () => {
  expect([1n, 'x'.repeat(50), { password: 'secret' }, [1], null, undefined, () => 1].map(show)).toEqual([
    '1n',
    `"${'x'.repeat(40)}..."`,
    'an object',
    'an array',
    'null',
    'undefined',
    'a function',
  ])
})
