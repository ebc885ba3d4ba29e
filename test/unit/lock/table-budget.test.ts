import { expect, test } from 'vitest'
import { planShare } from '../../../src/lock/share-plan.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { fakeWorld, rejection } from '../../support/fake-world.js'
import type { Lock } from '../../../src/lock/lock.js'

/** What may be announced of a table of 800; one more entry for each pool goes without a word. */
const LIMIT = 300

const NEEDS = { share: 0, used: 0, needed: 1, mayExceedFair: true }

test('one who needs little gets that and as much again; the first pool leaves as much for a second', () => {
  const alone = { limit: 1000, otherPools: 0, others: 0 }

  expect(planShare(alone, { ...NEEDS, needed: 10 })).toBe(20)
  expect(planShare(alone, { ...NEEDS, needed: 5000 })).toBe(500)
  expect(planShare({ limit: 1000, otherPools: 1, others: 500 }, { ...NEEDS, needed: 5000 })).toBe(333)
})

test('what is used is never taken away, and beyond its part a pool shrinks as it releases', () => {
  const crowded = { limit: 1000, otherPools: 3, others: 700 }

  expect(planShare(crowded, { ...NEEDS, share: 500, used: 480, needed: 900 })).toBe(480)
  expect(planShare(crowded, { ...NEEDS, share: 480, used: 10, needed: 900 })).toBe(200)
})

/**
 * Goal: what pools may use in all never exceeds the limit, and a crowd that starts at once is not starved.
 * Method: pools on one server with messages that take random times, taking and releasing at random; after each step what
 * the server holds is compared with the limit.
 */
test.each([1, 2, 3, 4, 5, 6])(
  'pools that come, grow, shrink and go share one table: seed %i',
  async (seed) => {
    const random = new SeededRandom(seed)
    const world = fakeWorld({
      capacity: 800,
      capacityPerSession: 8,
      latencyMs: 3,
      random: new SeededRandom(seed + 50),
    })
    const pools = Array.from({ length: 6 }, () => world.pool({ max: 3 }))
    const held: Lock[][] = pools.map(() => [])
    const granted = pools.map(() => 0)
    let next = 0
    for (let step = 0; step < 40; step++) {
      for (const [i, locks] of pools.entries()) {
        if (random.chance(0.4)) {
          for (let n = random.below(120); n > 0; n--) {
            locks.acquire(`key ${next++}`).then(
              (lock) => {
                held[i]!.push(lock)
                granted[i]!++
              },
              (error) => expect(error.code).toBe('LOCK_TABLE_FULL'),
            )
          }
        } else if (random.chance(0.3)) {
          for (const lock of held[i]!.splice(0, random.below(100))) void lock.release()
        }
      }
      await world.clock.run(random.below(600))
      expect(world.server.table.size, `step ${step}`).toBeLessThanOrEqual(LIMIT + pools.length)
    }
    expect(Math.min(...granted)).toBeGreaterThanOrEqual(3)
  },
)

test('a crowd that starts at the same moment: most get their part at once, and nobody goes without for long', async () => {
  const world = fakeWorld({ capacity: 800, capacityPerSession: 8 })
  const pools = Array.from({ length: 8 }, () => world.pool())
  const counts = pools.map(() => 0)

  for (const [i, locks] of pools.entries()) {
    for (let n = 0; n < 100; n++)
      locks.acquire(`${i} ${n}`).then(
        () => counts[i]!++,
        () => undefined,
      )
  }
  await world.clock.run(100)
  const part = Math.floor(LIMIT / 9)
  expect(counts.filter((count) => count >= part).length).toBeGreaterThanOrEqual(4)
  for (let second = 0; second < 10; second++) {
    for (const [i, locks] of pools.entries()) {
      locks.acquire(`${i} again ${second}`).then(
        () => counts[i]!++,
        () => undefined,
      )
    }
    await world.clock.run(1000)
  }

  expect(Math.min(...counts)).toBeGreaterThanOrEqual(5)
  expect(world.server.table.size).toBeLessThanOrEqual(LIMIT + pools.length)
})

test('who has taken nearly all gives way as it releases, and takes again what others give back', async () => {
  const world = fakeWorld({ capacity: 800, capacityPerSession: 8 })
  const [first, second] = [world.pool(), world.pool()]
  const held: Record<'first' | 'second', Lock[]> = { first: [], second: [] }
  const take = async (who: 'first' | 'second', count: number, seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      for (let n = 0; n < count; n++) {
        const locks = who === 'first' ? first : second
        locks.acquire(`${who} ${held[who].length} ${i} ${n}`).then(
          (lock) => held[who].push(lock),
          () => undefined,
        )
      }
      await world.clock.run(1100)
    }
  }

  await take('first', 300, 5)
  expect(held.first.length).toBe(150)
  await take('second', 300, 3)
  expect(held.second.length, 'what was left free for it').toBeGreaterThanOrEqual(100)
  for (const lock of held.first.splice(0, 140)) void lock.release()
  await world.clock.run(45_000)
  await take('second', 300, 5)
  expect(held.second.length).toBeGreaterThan(150)
  expect(world.server.table.size).toBeLessThanOrEqual(LIMIT)
})

test('what was known of the table ends with the last session, and is looked up by the next', async () => {
  const world = fakeWorld({ capacity: 800, capacityPerSession: 8 })
  const locks = world.pool()
  const names = Array.from({ length: 50 }, (_, i) => `key ${i}`)
  const taking = Promise.all(names.map((name) => locks.acquire(name)))
  await world.clock.run(20)
  await taking

  world.server.stop()
  await world.clock.run(10)
  const refused = Promise.all(names.map((name) => rejection(locks.acquire(name))))
  await world.clock.run(10)
  expect(new Set((await refused).map((error) => error['code']))).toEqual(new Set(['CONNECTION_FAILED']))
  world.server.start()
  // Sooner than the pool would look again at a table it knows.
  await world.clock.run(650)
  const again = Promise.all(names.map((name) => locks.acquire(name)))
  await world.clock.run(1000)

  expect((await again).map((lock) => lock.state)).toEqual(names.map(() => 'held'))
})

test('waiting for a lock counts as what it costs, and where there is no room for that the lock is polled for', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool({ maxHeldLocks: 8 })]
  const names = Array.from({ length: 9 }, (_, i) => `key ${i}`)
  const held = await Promise.all(names.map((name) => a.acquire(name)))

  const outcomes = Promise.allSettled(names.map((name) => b.acquire(name)))
  await world.clock.run(100)
  expect(world.server.table.size, 'interest in some').toBeLessThanOrEqual(9 + 8)
  for (const lock of held) void lock.release()
  await world.clock.run(2000)

  const settled = await outcomes
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(8)
  const refused = settled.find(({ status }) => status === 'rejected') as PromiseRejectedResult
  expect(refused.reason).toMatchObject({ code: 'LOCK_TABLE_FULL', retryable: true })
  expect(world.server.table.size).toBe(8)
})

test('at four fifths of what it may use a pool warns, once', async () => {
  const world = fakeWorld()
  const locks = world.pool({ maxHeldLocks: 100 })
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))

  await Promise.all(Array.from({ length: 79 }, (_, i) => locks.acquire(`key ${i}`)))
  expect(warnings).toEqual([])
  await Promise.all(Array.from({ length: 21 }, (_, i) => locks.acquire(`more ${i}`)))
  await rejection(locks.acquire('one too many'))

  expect(warnings).toEqual([
    "this pool uses 80 of the 100 entries that it may use of the server's lock table",
  ])
})
