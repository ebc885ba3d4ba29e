import { expect, test } from 'vitest'
import { hashName } from '../../../src/dialect/postgres/keys/key.js'
import type { Lock } from '../../../src/lock/handle/lock.js'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('two hundred callers of ten processes for one key are all served, in order within each, with few attempts', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const pools = Array.from({ length: 10 }, () => world.pool())
  const served: number[][] = pools.map(() => [])
  const { table } = world.server
  const apply = table.apply.bind(table)
  let attempts = 0
  let grants = 0
  table.apply = (owner, operation) => {
    const answer = apply(owner, operation)
    if (['try', 'wait', 'retry', 'poll'].includes(operation.kind)) attempts++
    if (answer === 'g') grants++
    return answer
  }

  const all = Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      pools[i % 10]!.withLock('hot', () => void served[i % 10]!.push(Math.floor(i / 10))),
    ),
  )
  for (let i = 0; i < 100 && (await stateOf(all)) === 'pending'; i++) await world.clock.run(50)
  await all

  expect(served).toEqual(pools.map(() => Array.from({ length: 20 }, (_, i) => i)))
  // Each time the lock passes to another process, each waiting process may try once.
  expect(attempts).toBeLessThanOrEqual(2 * 10 + grants * 10)
})

test('closing with a thousand waiting callers and held locks gives each one error, and leaves nothing', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const theirs = await b.acquire('theirs')
  const mine = await a.acquire('mine')
  const waiting = Array.from({ length: 1000 }, (_, i) =>
    rejection(a.acquire(i % 2 === 0 ? 'theirs' : 'mine')),
  )
  await world.clock.run(10)

  const closings = [a.close({ graceMs: 100 }), a.close({ graceMs: 100 })]
  const errors = await Promise.all(waiting)
  expect(new Set(errors.map((error) => error['code']))).toEqual(new Set(['POOL_CLOSED']))
  expect(mine.state, 'until its grace is over').toBe('held')
  await world.clock.run(200)
  await Promise.all(closings)

  expect(mine.state).toBe('lost')
  expect(theirs.state).toBe('held')
  expect(await rejection(a.tryAcquire('mine'))).toMatchObject({ code: 'POOL_CLOSED' })
  expect(a.snapshot()).toMatchObject({ state: 'closed', held: 0, waiting: 0 })
})

test('a body that never ends holds its lock until the pool is closed', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  let inside: Lock | null = null
  const never = rejection(
    locks.withLock('orders', (lock) => {
      inside = lock
      return new Promise<void>((_, reject) =>
        lock.signal.addEventListener('abort', () => reject(lock.signal.reason as Error)),
      )
    }),
  )
  await world.clock.run(1_000_000)
  expect(inside!.state).toBe('held')

  const closing = locks.close({ graceMs: 10 })
  await world.clock.run(20)
  await closing

  expect(await never).toMatchObject({ code: 'LOCK_LOST' })
})

test('a thousand random schedules of release, and release again: each lock ends once', async () => {
  const world = fakeWorld({ latencyMs: 2 })
  const locks = world.pool()
  let released = 0
  locks.on('lock:released', () => released++)
  for (let i = 0; i < 1000; i++) {
    const acquiring = locks.acquire(`key ${i % 7}`)
    await world.clock.run(20)
    const lock = await acquiring
    const calls = [lock.release(), i % 2 === 0 ? lock.release() : lock[Symbol.asyncDispose]()]
    await world.clock.run(i % 5)
    calls.push(lock.release())
    await world.clock.run(20)
    await Promise.all(calls)
  }

  expect(released).toBe(1000)
})

test('names that look alike are different locks unless they are the same code points', () => {
  const [composed, decomposed] = ['\u00e9', 'e\u0301']

  expect(hashName(composed, '')).not.toBe(hashName(decomposed, ''))
  expect(hashName(composed.normalize('NFD'), '')).toBe(hashName(decomposed, ''))
})

test.each([0, -1, 999, 0.4, NaN, Infinity, 2 ** 31, '30s', 5n])(
  'a lease of %s is refused before anything is opened',
  (leaseMs) => {
    const world = fakeWorld()

    expect(() => world.pool({ leaseMs: leaseMs as number })).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(/leaseMs/) }),
    )
  },
)
