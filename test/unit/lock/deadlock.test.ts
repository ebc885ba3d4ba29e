import { describe, expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { sleep } from '../../../src/base/clock.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

/** Each task acquires its first key, waits until all tasks have theirs, and requests its second key. */
function tangle(world: FakeWorld, tasks: readonly (readonly [FakeLockPool, string, string])[]) {
  const outcomes: string[] = tasks.map(() => 'waiting')
  const errors: (Error & { cycle?: unknown })[] = []
  const done = tasks.map(async ([locks, first, second], i) => {
    try {
      await locks.withLock(first, async () => {
        await sleep(world.clock, 10)
        await locks.withLock(second, { timeoutMs: Infinity }, () => sleep(world.clock, 10))
      })
      outcomes[i] = 'done'
    } catch (error) {
      outcomes[i] = (error as { code: string }).code
      errors.push(error as Error)
    }
  })
  return { outcomes, errors, done: Promise.all(done) }
}

describe('within a process', () => {
  test('a body that asks for its own key is refused at once', async () => {
    const world = fakeWorld()
    const locks = world.pool()
    await locks.withLock('a', async () => {
      await locks.withLock('b', async () => {
        expect(await rejection(locks.acquire('a'))).toMatchObject({ code: 'LOCK_REENTRY', retryable: false })
        expect(await rejection(locks.withLock('b', () => 0))).toMatchObject({ code: 'LOCK_REENTRY' })
        expect(await rejection(locks.acquire('a', { timeoutMs: 0 }))).toMatchObject({ code: 'LOCK_REENTRY' })
        expect(await rejection(locks.acquireAll(['c', 'a']))).toMatchObject({ code: 'LOCK_REENTRY' })
        expect(await locks.tryAcquire('a')).toBeNull()
      })
    })
    expect(await locks.withLock('a', () => 'free again')).toBe('free again')
  })

  test('a body that has released its lock may acquire it again, and so may work that outlives it', async () => {
    const world = fakeWorld()
    const locks = world.pool()
    let later: Promise<unknown> = Promise.resolve()
    await locks.withLock('a', async (lock) => {
      await lock.release()
      await (await locks.acquire('a')).release()
      later = sleep(world.clock, 5).then(() => locks.withLock('a', () => 'later'))
    })
    await world.clock.run(10)
    expect(await later).toBe('later')
  })

  test('a lock from acquire has no enclosing body: a second request for its key waits', async () => {
    const world = fakeWorld()
    const locks = world.pool()
    const first = await locks.acquire('a')
    const second = locks.acquire('a')
    await world.clock.run(3000)
    expect(await stateOf(second)).toBe('pending')
    await first.release()
    await (await second).release()
  })

  test.each([0, 1])(
    'a reader inside a reader goes in, unless a writer waits (in process %i)',
    async (writer) => {
      const world = fakeWorld()
      const pools = [world.pool(), world.pool()] as const
      const [a] = pools
      const shared = { mode: 'shared' } as const
      const outcomes: unknown[] = []
      const reading = a.withLock('k', shared, async () => {
        outcomes.push(await a.withLock('k', shared, () => 'in'))
        await sleep(world.clock, 20)
        outcomes.push(await rejection(a.acquire('k', shared)), await a.tryAcquire('k', shared))
        outcomes.push(await rejection(a.acquire('k')))
      })
      await world.clock.run(10)
      const writing = pools[writer]!.acquire('k')
      await world.clock.run(100)

      await reading
      const reentry = expect.objectContaining({ code: 'LOCK_REENTRY' })
      expect(outcomes).toEqual(['in', reentry, null, reentry])
      await (await writing).release()
    },
  )

  test('a caller that closes a cycle is refused at once, and the others continue', async () => {
    const world = fakeWorld()
    const locks = world.pool()
    const { outcomes, errors, done } = tangle(world, [
      [locks, 'a', 'b'],
      [locks, 'b', 'c'],
      [locks, 'c', 'a'],
    ])
    await world.clock.run(50)
    await done
    expect(outcomes.toSorted()).toEqual(['LOCK_DEADLOCK', 'done', 'done'])
    expect(errors[0]!.message).toMatch(
      /holds "c" and waits for "a";.*holds "a" and waits for "b";.*holds "b" and waits for "c"/,
    )
    expect(locks.snapshot().counters).toMatchObject({ deadlocks: 1, refused: 1 })
  })

  test('a cycle of a thousand', async () => {
    const world = fakeWorld()
    const locks = world.pool()
    const { outcomes, done } = tangle(
      world,
      Array.from({ length: 1000 }, (_, i) => [locks, `${i}`, `${(i + 1) % 1000}`] as const),
    )
    await world.clock.run(20_000)
    await done
    expect(outcomes.filter((outcome) => outcome === 'LOCK_DEADLOCK')).toHaveLength(1)
  })

  test('a reader that waits behind a writer waits for the readers before it', async () => {
    const world = fakeWorld()
    const locks = world.pool()
    const shared = { mode: 'shared', timeoutMs: Infinity } as const
    const one = locks.withLock('k', shared, async () => {
      await sleep(world.clock, 20)
      await locks.withLock('j', () => undefined)
    })
    const writing = locks.withLock('k', () => undefined)
    const other = locks.withLock('j', async () => {
      await sleep(world.clock, 10)
      await locks.withLock('k', shared, () => undefined)
    })
    const outcome = rejection(one)
    await world.clock.run(100)
    expect(await outcome).toMatchObject({ code: 'LOCK_DEADLOCK' })
    await Promise.all([writing, other])
  })
})

describe('between processes', () => {
  test.each([2, 3, 8])('of %i in a cycle one is refused within two seconds', async (count) => {
    const world = fakeWorld({ latencyMs: 2 })
    const tasks = Array.from(
      { length: count },
      (_, i) => [world.pool(), `${i}`, `${(i + 1) % count}`] as const,
    )
    const { outcomes, errors, done } = tangle(world, tasks)
    await world.clock.run(2000)
    await done
    expect(outcomes.filter((outcome) => outcome !== 'done')).toEqual(['LOCK_DEADLOCK'])
    expect(errors[0]!.cycle).toHaveLength(count)
  })

  test('a cycle through two bodies in one process', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    const { outcomes, done } = tangle(world, [
      [a, '1', '2'],
      [a, '2', '3'],
      [b, '3', '1'],
    ])
    await world.clock.run(2000)
    await done
    expect(outcomes.toSorted()).toEqual(['LOCK_DEADLOCK', 'done', 'done'])
  })

  test('a cycle through a reader that yields to a writer in a third process', async () => {
    const world = fakeWorld()
    const [a, b, c] = [world.pool(), world.pool(), world.pool()]
    const shared = { mode: 'shared', timeoutMs: Infinity } as const
    // A process that begins to listen retries, and a reader that retries does not yield. So process `b` must listen before the
    // test begins.
    const before = await c.acquire('before')
    const listening = b.acquire('before')
    await world.clock.run(10)
    await before.release()
    await world.clock.run(10)
    await (await listening).release()
    const outcomes = Promise.allSettled([
      a.withLock('k', shared, async () => {
        await sleep(world.clock, 50)
        await a.withLock('j', { timeoutMs: Infinity }, () => undefined)
      }),
      sleep(world.clock, 10).then(() => c.withLock('k', { timeoutMs: Infinity }, () => undefined)),
      b.withLock('j', async () => {
        await sleep(world.clock, 50)
        await b.withLock('k', shared, () => undefined)
      }),
    ])
    await world.clock.run(4000)
    const refused = (await outcomes).filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]!.reason).toMatchObject({ code: 'LOCK_DEADLOCK' })
  })

  test('lost notifications only delay it', async () => {
    const world = fakeWorld()
    const { outcomes, done } = tangle(world, [
      [world.pool(), 'a', 'b'],
      [world.pool(), 'b', 'a'],
    ])
    world.server.notificationLoss = 1
    await world.clock.run(5000)
    expect(outcomes).toEqual(['waiting', 'waiting'])
    world.server.notificationLoss = 0
    await world.clock.run(2500)
    await done
    expect(outcomes.toSorted()).toEqual(['LOCK_DEADLOCK', 'done'])
  })

  test('a long wait without a cycle is not refused', async () => {
    const world = fakeWorld()
    const [a, b, c] = [world.pool(), world.pool(), world.pool()]
    const chain = Promise.all([
      a.withLock('1', () => sleep(world.clock, 20_000)),
      b.withLock('2', async () => b.withLock('1', { timeoutMs: Infinity }, () => undefined)),
      c.withLock('3', async () => c.withLock('2', { timeoutMs: Infinity }, () => undefined)),
    ])
    await world.clock.run(21_000)
    await chain
    for (const locks of [a, b, c]) expect(locks.snapshot().counters.deadlocks).toBe(0)
  })

  test('a cycle that a timeout breaks first has no refused waiter', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    const one = rejection(
      a.withLock('a', async () => {
        await sleep(world.clock, 10)
        await a.acquire('b', { timeoutMs: 500 })
      }),
    )
    const other = b.withLock('b', async () => {
      await sleep(world.clock, 10)
      await b.withLock('a', { timeoutMs: Infinity }, () => 'mine')
      return 'done'
    })
    await world.clock.run(3000)
    expect(await one).toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(await other).toBe('done')
  })

  test('no report is sent while no caller waits long inside a body', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    let told = 0
    const held = await a.acquire('x')
    const bare = b.acquire('x')
    const inside = b.withLock('y', () => b.withLock('x', () => undefined))
    await world.clock.run(100)
    for (const connection of world.server.connections) {
      if (connection.handlers === null) continue
      const { handlers } = connection
      connection.handlers = { ...handlers, onMessage: () => told++ }
    }
    await world.clock.run(600)
    expect(told).toBe(0)
    await world.clock.run(600)
    expect(told).toBeGreaterThan(0)
    await held.release()
    await (await bare).release()
    await inside
    const before = told
    await world.clock.run(3000)
    expect(told).toBe(before)
  })
})
