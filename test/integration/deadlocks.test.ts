import { expect, test } from 'vitest'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

/** Each task takes its first key. When all have done so, each task requests its second key. */
async function tangle(
  tasks: readonly (readonly [LockPool, string, string])[],
): Promise<PromiseSettledResult<void>[]> {
  let missing = tasks.length
  let go: () => void = () => undefined
  const allHoldFirst = new Promise<void>((resolve) => (go = resolve))
  return Promise.allSettled(
    tasks.map(([locks, first, second]) =>
      locks.withLock(first, async () => {
        if (--missing === 0) go()
        await allHoldFirst
        await locks.withLock(second, () => undefined)
      }),
    ),
  )
}

const refused = (outcomes: readonly PromiseSettledResult<void>[]): unknown[] =>
  outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))

test.each([2, 3])(
  'of %i pools in a cycle one is refused, and the error describes the cycle',
  async (count) => {
    const keys = Array.from({ length: count }, (_, i) => `key "${i}" 🔑`)
    const since = performance.now()

    const outcomes = await tangle(keys.map((key, i) => [world.pool(), key, keys[(i + 1) % count]!]))

    const [victim, ...others] = refused(outcomes)
    expect(others).toEqual([])
    expect(victim).toMatchObject({
      code: 'LOCK_DEADLOCK',
      retryable: true,
      cycle: { length: count },
      message: expect.stringMatching(
        /^waiting for lock .* would never end: process \d+ on .* \(lockpool test\) holds "key/,
      ),
    })
    expect(performance.now() - since).toBeLessThan(10_000)
  },
)

test('a cycle within a pool is found at once', async () => {
  const locks = world.pool()
  const outcomes = await tangle([
    [locks, 'a', 'b'],
    [locks, 'b', 'a'],
  ])

  expect(refused(outcomes)).toMatchObject([{ code: 'LOCK_DEADLOCK' }])
  expect(locks.snapshot().counters.deadlocks).toBe(1)
})

test('a body that asks for its own key is refused, also as a reader behind a writer', async () => {
  const [a, b] = [world.pool(), world.pool()]
  let writing: Promise<void> = Promise.resolve()
  let start: () => void = () => undefined
  void new Promise<void>((resolve) => (start = resolve)).then(
    () => (writing = b.withLock('k', () => undefined)),
  )

  await a.withLock('k', { mode: 'shared' }, async () => {
    await expect(a.acquire('k')).rejects.toMatchObject({ code: 'LOCK_REENTRY' })
    await a.withLock('k', { mode: 'shared' }, () => undefined)
    start()
    await expect.poll(async () => b.snapshot().keys[0]?.state).toMatch(/waiting|queued/)
    await expect(a.acquire('k', { mode: 'shared' })).rejects.toMatchObject({ code: 'LOCK_REENTRY' })
  })
  await writing
})
