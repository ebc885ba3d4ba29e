/** What a lock session sends, and how it handles the answers. */
import { describe, expect, test } from 'vitest'
import type { LockLink } from '../../../../src/dialect/dialect.js'
import type { BatchReply } from '../../../../src/dialect/lock-operation.js'
import { fakeWorld, rejection, stateOf } from '../../../support/fake-world.js'
import { poolWithDialect } from '../../../support/pool-with-dialect.js'

/** A pool whose links differ from the links of the server in what `alter` returns. */
function poolWithLink(alter: (link: LockLink) => Partial<LockLink>) {
  return poolWithDialect(({ dialect }) => ({
    attach: async (...all) => {
      const link = await dialect.attach(...all)
      const { noFencing: _, ...rest } = link
      return Object.defineProperties({ ...rest, ...alter(link) } as LockLink, {
        noFencing: { get: () => link.noFencing },
      })
    },
  }))
}

test('more keys than one statement takes go with the next, all of them', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const locks = world.pool({ max: 2, maxHeldLocks: 10_000 })
  await Promise.all([locks.ready(), world.clock.run(50)])
  const before = world.server.statements
  const acquired = Promise.all(Array.from({ length: 2500 }, (_, i) => locks.acquire(`key ${i}`)))
  await world.clock.run(10)
  expect(world.server.statements - before).toBe(3)
  const held = await acquired
  expect(held.every(({ state }) => state === 'held')).toBe(true)
  await Promise.all([...held.map((lock) => lock.release()), world.clock.run(50)])
})

test('a dialect may give each grant of a batch a token of its own, or none', async () => {
  const { clock, locks } = poolWithLink((link) => ({
    run: async (operations): Promise<BatchReply> => ({
      ...(await link.run(operations)),
      tokens: operations.map((_, i) => (i === 2 ? null : String(5000 + i))),
    }),
  }))
  const held = await Promise.all(['a', 'b', 'c'].map((key) => locks.acquire(key)))
  expect(held.map(({ tokenText }) => tokenText)).toEqual(['5000', '5001', null])
  await Promise.all([locks.close({ graceMs: 0 }), clock.run(1000)])
})

describe('where only heartbeats renew the lease', () => {
  const poolWithBeats = (beats: () => Promise<void>) =>
    poolWithLink(() => ({ renewedBy: 'heartbeat', heartbeat: beats }))

  test('a session is lost when they are not answered, however many batches are', async () => {
    const { clock, locks } = poolWithBeats(() => new Promise(() => undefined))
    const lock = await locks.acquire('orders')
    for (let i = 0; i < 130; i++) {
      await clock.run(100)
      await (await locks.acquire('others')).release()
    }
    expect(lock.state).toBe('held')
    await clock.run(600)
    expect(lock.state).toBe('lost')
    await Promise.all([locks.close({ graceMs: 0 }), clock.run(20_000)])
  })

  test('an answer that comes when the lease is over grants nothing', async () => {
    let answer: (() => void) | null = null
    let isSlow = false
    const { clock, locks } = poolWithLink((link) => ({
      renewedBy: 'heartbeat',
      heartbeat: () => new Promise(() => undefined),
      run: async (operations) => {
        const reply = await link.run(operations)
        if (isSlow) await new Promise<void>((resolve) => (answer = resolve))
        return reply
      },
    }))
    const lock = await locks.acquire('orders')
    isSlow = true
    const other = locks.acquire('others', { timeoutMs: 60_000 })
    await clock.run(100)
    // The process was stopped: no timer has fired yet.
    clock.stall(14_000)
    isSlow = false
    answer!()
    await clock.run(0)
    expect(lock.state).toBe('lost')
    await clock.run(1000)
    expect((await other).state, 'by another session').toBe('held')
    await Promise.all([locks.close({ graceMs: 0 }), clock.run(20_000)])
  })
})

test('where answers take long, a lock stays longer with the callers of one process', async () => {
  const handOffs = async (latencyMs: number): Promise<number> => {
    const world = fakeWorld({ latencyMs })
    world.server.longestWaitMs = 0
    const [a, b] = [world.pool(), world.pool()]
    let isOver = false
    let inRow = 0
    const working = [1, 2].map(async () => {
      while (!isOver) {
        const lock = await a.acquire('hot')
        if (!isOver) inRow++
        await new Promise<void>((resolve) => void world.clock.after(1, resolve))
        await lock.release()
      }
    })
    await world.clock.run(300)
    const before = world.clock.now()
    const waiting = b.acquire('hot').then((lock) => {
      isOver = true
      return { lock, afterMs: world.clock.now() - before }
    })
    await world.clock.run(1000)
    const { lock } = await waiting
    const { acquired, handedOff } = a.snapshot().counters
    await Promise.all([lock.release(), world.clock.run(1000)])
    await Promise.all(working)
    expect(inRow).toBeGreaterThan(0)
    return acquired / (acquired - handedOff)
  }
  expect(await handOffs(0.1)).toBeLessThan(15)
  expect(await handOffs(2.5)).toBeGreaterThan(60)
})

test('a batch that fails as its session ends is reported as the end of that session', async () => {
  const world = fakeWorld({ latencyMs: 1 })
  const locks = world.pool()
  const acquired = locks.acquire('orders')
  await world.clock.run(50)
  const lock = await acquired
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))
  const other = locks.acquire('others', { timeoutMs: 5000 })
  await world.clock.run(0.5)
  world.server.end(world.server.connection(locks.snapshot().sessions[0]!.serverId))
  await world.clock.run(500)
  expect(lock.state).toBe('lost')
  expect(await stateOf(other)).toBe('fulfilled')
  expect(warnings).toEqual([])
  await Promise.all([(await other).release(), world.clock.run(50)])
  expect(await rejection(lock.release())).toMatchObject({ code: 'LOCK_LOST' })
})
