/** How a pool gets more of the server's lock table: its announcements, its lookups, and their answers. */
import { expect, test } from 'vitest'
import { LockTableFullError } from '../../../src/base/errors.js'
import type { LockLink, TableUse } from '../../../src/dialect/dialect.js'
import { TableBudget } from '../../../src/lock/table-budget.js'
import { ManualClock, settle } from '../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'

const NOBODY: TableUse = {
  ...{ pools: 0, announced: 0, foreignPools: 0, foreignAnnounced: 0, foreignHeld: 0, unannounced: 0 },
  costMs: 0,
}

/**
 * A budget on a table of 1000 entries: all pools together may announce 500, a single pool may announce 375, and each session
 * may use 10 without an announcement.
 */
function budgetOf(maxHeldLocks: number | 'auto' = 'auto') {
  const clock = new ManualClock()
  const seen = {
    announced: [] as [session: number, entries: number][],
    looks: [] as [at: number, ours: readonly number[]][],
    warnings: [] as string[],
    shareChecked: 0,
  }
  const world = {
    /** The result of each look. The last one is repeated. */
    uses: [NOBODY],
    announce: () => Promise.resolve(),
    look: () => Promise.resolve(world.uses.length > 1 ? world.uses.shift()! : world.uses[0]!),
  }
  const host = {
    clock,
    random: new SeededRandom(1),
    used: 0,
    asking: 0,
    shareChecked: () => void seen.shareChecked++,
    warn: (message: string, error?: Error) =>
      seen.warnings.push(`${message}${error ? `: ${error.message}` : ''}`),
  }
  const linkTo = (serverId: number): LockLink =>
    ({
      ...{ serverId, capacity: 1000, capacityPerSession: 20 },
      announce: (_: string, entries: number) => (seen.announced.push([serverId, entries]), world.announce()),
      tableUse: (ours: readonly number[]) => (seen.looks.push([clock.now(), ours]), world.look()),
    }) as unknown as LockLink
  const budget = new TableBudget(maxHeldLocks, 'me', host)
  const grow = async (used: number, asking: number): Promise<void> => {
    Object.assign(host, { used, asking })
    budget.grow()
    await settle()
  }
  return { budget, clock, host, world, seen, linkTo, grow }
}

const others = (announced: number, but: Partial<TableUse> = {}): TableUse => ({
  ...NOBODY,
  pools: 1,
  announced,
  ...but,
})

test('until a session is there nothing is refused; each brings its part', async () => {
  const { budget, linkTo, seen } = budgetOf()
  expect(budget.room(1_000_000)).toBe('now')
  await budget.joined(linkTo(1))
  expect([budget.allowed, budget.room(10), budget.room(11)]).toEqual([10, 'now', 'later'])
  await budget.joined(linkTo(2))
  expect([budget.allowed, budget.room(20), budget.room(21)]).toEqual([20, 'now', 'later'])
  expect(seen).toMatchObject({ announced: [], looks: [] })
})

test('a pool that needs more announces, looks, announces that much again, and looks again', async () => {
  const { budget, clock, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  await grow(10, 1)

  expect(seen).toMatchObject({
    announced: [
      [1, 1],
      [1, 22],
    ],
    looks: [
      [0, [1]],
      [0, [1]],
    ],
    shareChecked: 1,
  })
  expect([budget.allowed, budget.room(12), budget.room(13), clock.armed]).toEqual([22, 'now', 'later', 1])
  budget.close()
  expect(clock.armed).toBe(0)
})

test('a pool that needs no more than is free without an announcement makes none', async () => {
  const { budget, clock, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  await grow(5, 5)

  expect(seen).toMatchObject({ announced: [], looks: [], shareChecked: 1 })
  expect([budget.allowed, clock.armed]).toEqual([10, 0])
})

test('there is one lookup at a time, however many callers ask meanwhile', async () => {
  const { budget, world, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  let shown: (use: TableUse) => void = () => undefined
  world.look = () => new Promise((resolve) => (shown = resolve))
  await grow(10, 1)
  await grow(10, 500)
  expect(seen.looks).toHaveLength(1)
  expect(budget.room(490)).toBe('later')
  world.look = () => Promise.resolve(NOBODY)
  shown(NOBODY)
  await settle()
  budget.close()
})

test('beyond its part it gets a half of what is left at a time, and leaves some for a newcomer', async () => {
  const { budget, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  await grow(10, 390)

  expect(seen.announced.map(([, entries]) => entries)).toEqual([1, 250, 250, 375, 375])
  expect([budget.allowed, seen.looks.length]).toEqual([375, 5])
  expect(budget.room(366)).toBeInstanceOf(LockTableFullError)
  budget.close()
})

test('if nothing is left it keeps what it uses, names the pools with the rest, and does not look again at once', async () => {
  const { budget, clock, world, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  world.uses = [others(500)]
  await grow(10, 1)
  expect(budget.allowed).toBe(10)
  const full = budget.room(1) as Error
  expect(full).toMatchObject({ code: 'LOCK_TABLE_FULL' })
  expect(full.message).toMatch(
    /uses 10 entries .* share is 10 now: .* use 500 of 1000, of which others have 500\. .* \(20\)/,
  )
  clock.advance(999)
  expect(budget.room(1)).toBeInstanceOf(Error)
  clock.advance(1)
  expect(budget.room(1)).toBe('later')
  expect(seen.shareChecked).toBe(1)
  budget.close()
  expect(budget.room(1)).toBeInstanceOf(Error)
})

test.each([
  ['by what it costs, and how many pools look', { costMs: 30, pools: 2, foreignPools: 1 }, 12_000],
  ['as often as that, whatever it costs', { costMs: 1_000_000 }, 600_000],
])('looks are rare: %s', async (_, use, ms) => {
  const { budget, clock, world, linkTo, grow } = budgetOf()
  await budget.joined(linkTo(1))
  world.uses = [others(500, use)]
  await grow(10, 1)
  // Only the reading of the clock changes. An advance would fire the budget's own timer, which looks too.
  const real = clock.now.bind(clock)
  let later = ms - 1
  clock.now = () => real() + later
  expect(budget.room(1)).toBeInstanceOf(Error)
  later = ms
  expect(budget.room(1)).toBe('later')
  clock.now = real
  budget.close()
})

test('a disturbed process takes the smaller of both, and tries again a little later, within its share', async () => {
  const { budget, clock, world, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  world.uses = [NOBODY, others(490), NOBODY]
  await grow(10, 1)
  expect([budget.allowed, seen.shareChecked]).toEqual([10, 0])
  await clock.run(20)

  expect([budget.allowed, seen.shareChecked, seen.looks.length]).toEqual([22, 1, 4])
  budget.close()
})

test('and gives up after three attempts', async () => {
  const { budget, clock, world, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  world.uses = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? NOBODY : others(490)))
  await grow(10, 1)
  await clock.run(100)

  expect([budget.allowed, seen.shareChecked, seen.looks.length]).toEqual([10, 1, 6])
  budget.close()
})

test('each new session repeats the announcement, which ends with the last session', async () => {
  const { budget, clock, linkTo, seen, grow } = budgetOf()
  const [first, second] = [linkTo(1), linkTo(2)]
  await budget.joined(first)
  await grow(10, 1)
  await budget.joined(second)
  expect(seen.announced.at(-1)).toEqual([2, 22])

  budget.detached(first)
  expect([budget.allowed, clock.armed]).toEqual([22, 1])
  budget.detached(second)
  expect([budget.allowed, budget.room(1_000_000), clock.armed]).toEqual([Infinity, 'now', 0])
  await budget.joined(first)
  expect([budget.allowed, budget.room(1), seen.announced.length]).toEqual([10, 'later', 3])
})

test('a failed announcement or lookup is a warning, and the pool learns of it', async () => {
  const { budget, world, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  world.announce = () => Promise.reject(new Error('no'))
  await grow(10, 1)
  expect(seen).toMatchObject({
    warnings: ['checking for room in the lock table failed: no'],
    shareChecked: 1,
  })

  world.announce = () => Promise.resolve()
  world.look = () => Promise.reject(new Error('blind'))
  await grow(10, 1)
  expect(seen.warnings.slice(1)).toEqual(['checking for room in the lock table failed: blind'])
  budget.close()
})

test('a session that ends meanwhile causes no failure: another session runs the query', async () => {
  const { budget, world, linkTo, seen, grow } = budgetOf()
  const [first, second] = [linkTo(1), linkTo(2)]
  await budget.joined(first)
  await budget.joined(second)
  const look = world.look
  world.look = () => {
    world.look = look
    budget.detached(first)
    return Promise.reject(new Error('gone'))
  }
  await grow(20, 1)

  expect(seen.looks.slice(0, 2).map(([, ours]) => ours)).toEqual([
    [1, 2],
    [1, 2],
  ])
  expect([seen.warnings, budget.allowed]).toEqual([[], 42])
  budget.detached(second)
  await grow(20, 1)
  expect(seen.warnings, 'with no session there is nothing to fail').toEqual([])
})

test('an announcement is reconsidered less and less often, and withdrawn when it is not needed', async () => {
  const { budget, clock, host, linkTo, seen, grow } = budgetOf()
  await budget.joined(linkTo(1))
  await grow(20, 1)
  await clock.run(30_000)
  const times = seen.looks.slice(2).map(([at]) => at)
  const pauses = times.map((at, i) => at - (times[i - 1] ?? 0))
  expect(pauses.length).toBeGreaterThanOrEqual(3)
  for (const [i, pause] of pauses.slice(0, 3).entries()) {
    expect(pause).toBeGreaterThanOrEqual(1500 * 2 ** i)
    expect(pause).toBeLessThanOrEqual(2500 * 2 ** i)
  }

  Object.assign(host, { used: 0, asking: 0 })
  await clock.run(40_000)
  expect(seen.announced.at(-1)).toEqual([1, 0])
  expect([budget.allowed, clock.armed]).toEqual([10, 0])
})

test('a number of its own is neither announced nor exceeded, and a warning comes at four fifths of it, once', async () => {
  const { budget, linkTo, seen } = budgetOf(50)
  await budget.joined(linkTo(1))
  expect([budget.allowed, budget.room(39), seen.warnings]).toEqual([50, 'now', []])
  expect([budget.room(40), budget.room(50)]).toEqual(['now', 'now'])
  expect(seen.warnings).toEqual([
    "this pool uses 40 of the 50 entries that it may use of the server's lock table",
  ])
  expect(budget.room(51)).toMatchObject({
    code: 'LOCK_TABLE_FULL',
    message: expect.stringContaining('may use 50 entries'),
  })
  expect(seen.announced).toEqual([])
})
