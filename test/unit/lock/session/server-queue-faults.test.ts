import { expect, test } from 'vitest'
import { sleep } from '../../../../src/base/clock.js'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import type { Lock } from '../../../../src/lock/handle/lock.js'
import type { LockPoolOptions } from '../../../../src/lock/lock-pool-options.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../../support/fake-world.js'

interface InLine {
  readonly holder: FakeLockPool
  readonly waits: FakeLockPool
  readonly held: Lock
  readonly hot: Promise<Lock>
  readonly abort: () => void
}

/** Two processes that have passed `hot` to each other several times. */
async function heat(world: FakeWorld, options: LockPoolOptions): Promise<Pick<InLine, 'holder' | 'waits'>> {
  const [holder, waits] = [world.pool(), world.pool(options)]
  for (let i = 0; i < 3; i++) {
    const held = holder.acquire('hot')
    await world.clock.run(600)
    const next = waits.acquire('hot')
    await world.clock.run(600)
    void (await held).release()
    await world.clock.run(600)
    void (await next).release()
    await world.clock.run(600)
  }
  return { holder, waits }
}

/** One process keeps `hot`, and another waits for it in the server queue. */
async function inLine(world: FakeWorld, options: LockPoolOptions): Promise<InLine> {
  const { holder, waits } = await heat(world, options)
  const held = holder.acquire('hot')
  await world.clock.run(600)
  const controller = new AbortController()
  const hot = waits.acquire('hot', { signal: controller.signal, timeoutMs: Infinity })
  hot.catch(() => undefined)
  await world.clock.run(5)
  expect(isQueued(waits)).toBe(true)
  return {
    holder,
    waits,
    held: await held,
    hot,
    abort: () => controller.abort(new Error('changed its mind')),
  }
}

function isQueued(pool: FakeLockPool): boolean {
  return pool.snapshot().sessions.some(({ state }) => state === 'queued')
}

/** The connection of the pool's first session. */
function connectionOf(world: FakeWorld, pool: FakeLockPool): ReturnType<typeof world.server.connection> {
  return world.server.connection(pool.snapshot().sessions[0]!.serverId)
}

/**
 * Requests another key. There is no session for it while the only session waits in the server queue. The returned function
 * reads the state of the request.
 */
async function wantsOther(world: FakeWorld, pool: FakeLockPool): Promise<() => Promise<string>> {
  const other = pool.acquire('other', { timeoutMs: Infinity })
  other.catch(() => undefined)
  await world.clock.run(1)
  expect(await stateOf(other)).toBe('pending')
  return () => stateOf(other)
}

test('the only session ends while it waits in line for callers who have gone: other keys get another session', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { waits, abort } = await inLine(world, { max: 2 })
  const other = await wantsOther(world, waits)
  abort()
  await world.clock.run(1)
  world.server.end(connectionOf(world, waits))
  await world.clock.run(100)

  expect(await other()).toBe('fulfilled')
})

test('the only connection is wanted back while its session waits in line: other keys get it again', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { waits, abort } = await inLine(world, { max: 1 })
  const other = await wantsOther(world, waits)
  const borrowing = waits.connections.connect()
  abort()
  await world.clock.run(1000)
  ;(await borrowing).release()
  await world.clock.run(100)

  expect(await other()).toBe('fulfilled')
})

test('a release of the only connection serves callers that came while it was queued, before later borrowers', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { waits, abort } = await inLine(world, { max: 1 })
  const other = await wantsOther(world, waits)
  const borrowing = waits.connections.connect()
  const later = waits.connections.connect()
  abort()
  await world.clock.run(1000)
  ;(await borrowing).release()
  await world.clock.run(100)

  expect([await other(), await stateOf(later)]).toEqual(['fulfilled', 'pending'])
  later.catch(() => undefined)
})

test('where borrowers have all other connections, another key waits for the line once, and not again and again', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const others = Array.from({ length: 3 }, () => world.pool())
  const waits = world.pool({ max: 3 })
  let isOver = false
  const working = [...others, waits].map(async (pool) => {
    while (!isOver) {
      const lock = await pool.acquire('hot')
      await sleep(world.clock, 20)
      await lock.release()
    }
  })
  await world.clock.run(300)
  const leases = Promise.all([waits.connections.connect(), waits.connections.connect()])
  await world.clock.run(800)
  await leases
  let late = 0
  for (let i = 0; i < 20; i++) {
    const since = world.clock.now()
    void waits.acquire(`cold ${i}`).then((lock) => {
      if (world.clock.now() > since + 5) late++
      return lock.release()
    })
    await world.clock.run(70)
  }

  expect(late).toBeLessThanOrEqual(1)
  isOver = true
  await world.clock.run(1000)
  await Promise.all(working)
  for (const lease of await leases) lease.release()
})

test('a caller with less time than the queued one gets its error when its own time is over', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { waits } = await inLine(world, { max: 3 })
  const since = world.clock.now()
  const timesOut = async (mode: 'exclusive' | 'shared'): Promise<number> => {
    await rejection(waits.acquire('hot', { timeoutMs: 50, mode }))
    return world.clock.now() - since
  }
  const times = Promise.all([timesOut('exclusive'), timesOut('shared')])
  await world.clock.run(1000)

  expect(await times).toEqual([50, 50])
})

test('and who has it, if there is a session that can ask', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { waits, held } = await inLine(world, { max: 3 })
  void waits.acquire('other')
  await world.clock.run(10)
  expect(isQueued(waits)).toBe(true)
  const timesOut = rejection(waits.acquire('hot', { timeoutMs: 50 }))
  await world.clock.run(55)

  expect((await timesOut).message).toContain('session 1')
  expect(held.state).toBe('held')
})

test('a queued caller gets the name of the holder when its time is up', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { waits, abort } = await inLine(world, { max: 3 })
  abort()
  const timesOut = rejection(waits.acquire('hot', { timeoutMs: 900 }))
  await world.clock.run(902)

  expect((await timesOut).message).toContain('session 1')
})

test.each([1000, 1500])('a lease of %s ms is not over while its session waits in line', async (leaseMs) => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { waits, hot } = await inLine(world, { leaseMs })
  const lost: string[] = []
  waits.on('session:lost', ({ reason }) => lost.push(reason))
  await world.clock.run(20_000)

  expect(lost).toEqual([])
  expect(await stateOf(hot)).toBe('pending')
})

test('a failed wait in the queue does not fail the caller: the key is requested in the ordinary way', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const { holder, waits } = await heat(world, { max: 3 })
  const holding = holder.acquire('hot')
  await world.clock.run(5)
  const held = await holding
  world.server.queueFault = new Error('canceling statement due to user request')
  const hot = waits.acquire('hot')
  await world.clock.run(5)
  expect(world.server.queueFault, 'it has struck').toBeNull()
  expect(await stateOf(hot)).toBe('pending')
  void held.release()
  await world.clock.run(50)

  expect((await hot).state).toBe('held')
})

test('a process that can only listen gets its turns, whenever the processes in the queue began', async () => {
  const world = fakeWorld({ latencyMs: 0.3 })
  const listens = world.pool({ max: 2 })
  const other = listens.acquire('other')
  await world.clock.run(100)
  const pools = [listens, ...Array.from({ length: 4 }, () => world.pool({ max: 3 }))]
  const grants = pools.map(() => 0)
  let isOver = false
  const working: Promise<void>[] = []
  for (const [place, pool] of pools.entries()) {
    const works = async (): Promise<void> => {
      while (!isOver) {
        const lock = await pool.acquire('hot', { timeoutMs: Infinity })
        grants[place]!++
        await sleep(world.clock, 5)
        await lock.release()
      }
    }
    working.push(works())
    await world.clock.run(310)
  }
  grants.fill(0)
  await world.clock.run(10_000)

  expect(grants[0], grants.join()).toBeGreaterThan(20)
  isOver = true
  await world.clock.run(2000)
  await Promise.all(working)
  void (await other).release()
  await world.clock.run(10)
})

test('a cycle through processes in the server queue is found as fast as any other', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const pools = [world.pool({ max: 5 }), world.pool({ max: 5 })] as const
  let isOver = false
  const working = pools.flatMap((pool) =>
    ['x', 'y'].map(async (key) => {
      while (!isOver) {
        const lock = await pool.acquire(key, { timeoutMs: Infinity })
        await sleep(world.clock, 20)
        await lock.release()
      }
    }),
  )
  await world.clock.run(1000)
  isOver = true
  await world.clock.run(200)
  await Promise.all(working)
  let entered = 0
  const crosses = async (pool: FakeLockPool, first: string, second: string): Promise<void> =>
    pool.withLock(first, async () => {
      entered++
      await sleep(world.clock, 10)
      await pool.withLock(second, () => undefined)
    })
  const crossing = [crosses(pools[0], 'x', 'y'), crosses(pools[1], 'y', 'x')]
  await world.clock.run(50)
  expect(entered).toBe(2)
  expect(pools.map(isQueued)).toEqual([true, true])
  const since = world.clock.now()
  let refusedAt = Infinity
  for (const each of crossing) each.catch(() => (refusedAt = world.clock.now() - since))
  await world.clock.run(10_000)
  const outcomes = await Promise.allSettled(crossing)

  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(refusedAt).toBeLessThan(1100)
})
