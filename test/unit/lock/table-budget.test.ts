import { expect, test } from 'vitest'
import { planShare, shareRules, viewOf } from '../../../src/lock/share-plan.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { fakeWorld, rejection } from '../../support/fake-world.js'
import type { Lock } from '../../../src/lock/handle/lock.js'

/** How many entries of a table of 800 all pools together may announce. */
const LIMIT = 400

/**
 * How many entries a pool may use without an announcement if each session adds 8 entries to the table: 4 for each of two
 * sessions.
 */
const SILENT = 8

const NEEDS = { share: 0, used: 0, needed: 1, mayExceedFair: true }

test('a pool with small needs gets twice that; the first pool takes what others leave, except for a newcomer', () => {
  const alone = { limit: 1000, otherPools: 0, others: 0 }

  expect(planShare(alone, { ...NEEDS, needed: 10 })).toBe(20)
  expect(planShare(alone, { ...NEEDS, needed: 5000 })).toBe(500)
  expect(planShare(alone, { ...NEEDS, share: 500, used: 500, needed: 5000 })).toBe(750)
  expect(planShare({ limit: 1000, otherPools: 1, others: 500 }, { ...NEEDS, needed: 5000 })).toBe(333)
  expect(planShare({ limit: 1000, otherPools: 1, others: 750 }, { ...NEEDS, needed: 5000 })).toBe(250)
  expect(planShare({ limit: 1000, otherPools: 4, others: 40 }, { ...NEEDS, needed: 5000 })).toBe(480)
})

test('foreign announcements cost a share at most, and the locks they hold count in full', () => {
  const table = { capacity: 6400, perSession: 64 }
  const use = { pools: 1, announced: 100, foreignAnnounced: 0, foreignHeld: 0, unannounced: 0 }
  const forged = { ...use, foreignAnnounced: 50 * (2 ** 31 - 1) }

  expect(shareRules(table)).toEqual({ together: 3200, alone: 2400, floor: 32 })
  expect(viewOf(table, use)).toEqual({ limit: 3200, otherPools: 1, others: 100 })
  expect(viewOf(table, { ...use, foreignAnnounced: 1000 }).limit).toBe(2200)
  expect(viewOf(table, forged).limit).toBe(1600)
  expect(viewOf(table, { ...forged, foreignHeld: 2000 }).limit).toBe(1200)
  expect(viewOf(table, { ...forged, foreignHeld: 20_000 }).limit).toBe(0)
  expect(viewOf(table, { ...use, unannounced: 900 }).others).toBe(200)
})

test('a pool keeps the entries that it uses, and beyond its part it shrinks as it releases', () => {
  const crowded = { limit: 1000, otherPools: 3, others: 700 }

  expect(planShare(crowded, { ...NEEDS, share: 500, used: 480, needed: 900 })).toBe(480)
  expect(planShare(crowded, { ...NEEDS, share: 480, used: 10, needed: 900 })).toBe(200)
})

/**
 * Goal: all pools together never use more entries than the limit, and no pool starves if many start at once.
 * Method: pools on one server acquire and release at random, and messages take random times. After each step the test compares
 * the entries at the server with the limit.
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
      expect(world.server.table.size, `step ${step}`).toBeLessThanOrEqual(LIMIT + SILENT * pools.length)
    }
    expect(Math.min(...granted)).toBeGreaterThanOrEqual(3)
  },
)

test('a crowd that starts at the same moment: most get their share at once, and no process waits long', async () => {
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
  expect(world.server.table.size).toBeLessThanOrEqual(LIMIT + SILENT * pools.length)
})

test('a pool with nearly all entries yields as it releases, and takes what others release', async () => {
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

  await take('first', 400, 5)
  expect(held.first.length).toBe(300)
  await take('second', 300, 3)
  expect(held.second.length, 'what was left free for it').toBe(100)
  for (const lock of held.first.splice(0, 290)) void lock.release()
  await world.clock.run(45_000)
  await take('second', 300, 5)
  expect(held.second.length).toBeGreaterThan(150)
  expect(world.server.table.size).toBeLessThanOrEqual(LIMIT)
})

/**
 * Goal: announcements of unknown sessions starve no pool, and each pool keeps its minimum when all announceable entries
 * are taken.
 */
test('forged announcements cost a pool a half of what it could have, and never what its sessions bring', async () => {
  const world = fakeWorld({ capacity: 800, capacityPerSession: 80 })
  world.server.foreign = { foreignPools: 50, foreignAnnounced: 50 * 2 ** 31, foreignHeld: 100 }
  const [first, second] = [world.pool(), world.pool()]
  const taken = (locks: typeof first, count: number, name: string): Promise<number> =>
    Promise.allSettled(Array.from({ length: count }, (_, i) => locks.acquire(`${name} ${i}`))).then(
      (outcomes) => outcomes.filter(({ status }) => status === 'fulfilled').length,
    )

  const many = taken(first, 300, 'first')
  await world.clock.run(100)
  expect(await many).toBeGreaterThanOrEqual(100)
  world.server.foreign = { foreignPools: 50, foreignAnnounced: 50 * 2 ** 31, foreignHeld: 100_000 }
  await world.clock.run(2000)
  const few = taken(second, 40, 'second')
  await world.clock.run(100)
  expect(await few, 'a half of what one session brings').toBe(40)

  const refused = rejection(second.acquire('one more'))
  await world.clock.run(100)
  expect((await refused).message).toMatch(
    /uses 40 entries .* its share is 40 now: .* 0 of 800, .* max_locks_per_transaction \(80\) .* "maxHeldLocks"/,
  )
})

test('the cost of a lookup decides how often it is made: all pools together use a hundredth of a processor', async () => {
  const world = fakeWorld({ capacity: 800, capacityPerSession: 8, latencyMs: 1 })
  world.server.lookCostMs = 60
  const random = new SeededRandom(7)
  const pools = Array.from({ length: 5 }, () => world.pool({ leaseMs: 60_000 }))
  const held: Lock[][] = pools.map(() => [])
  const minutes = async (count: number): Promise<void> => {
    for (let step = 0; step < count * 6; step++) {
      for (const [i, locks] of pools.entries()) {
        for (const lock of held[i]!.splice(0, random.below(60))) void lock.release()
        for (let n = random.below(50); n > 0; n--)
          locks.acquire(`${i} ${step} ${n}`).then(
            (lock) => held[i]!.push(lock),
            () => undefined,
          )
      }
      await world.clock.run(10_000)
    }
  }

  await minutes(2)
  expect(world.server.looks, 'growing is worth looks of its own').toBeGreaterThan(10)
  const { looks } = world.server
  await minutes(30)

  // Each pool may have saved some looks, and used them to grow a moment before the end.
  const ahead = pools.length * 20
  expect((world.server.looks - looks - ahead) * 60).toBeLessThanOrEqual(0.01 * 30 * 60_000)
  expect(world.server.looks, 'and there are some').toBeGreaterThan(looks)
})

test('knowledge of the table ends with the last session, and the next session looks it up', async () => {
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
  // This is sooner than a pool would look again at a table that it knows.
  await world.clock.run(650)
  const again = Promise.all(names.map((name) => locks.acquire(name)))
  await world.clock.run(1000)

  expect((await again).map((lock) => lock.state)).toEqual(names.map(() => 'held'))
})

test('waiting for a lock counts its entries, and without room for them the lock is polled', async () => {
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
