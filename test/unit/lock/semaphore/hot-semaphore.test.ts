/** Permits that pass from one process to another: which processes wait in the server's queue, and which do not. */
import { describe, expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import type { Permit } from '../../../../src/lock/semaphore/permit.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../../support/fake-world.js'

const sessionStates = (pool: FakeLockPool): string[] => pool.snapshot().sessions.map(({ state }) => state)

async function taken(
  world: FakeWorld,
  pool: FakeLockPool,
  permits: number,
  count = permits,
): Promise<Permit[]> {
  const acquired = Promise.all(
    Array.from({ length: count }, () => pool.semaphore('hot', permits).acquire({ timeoutMs: 60_000 })),
  )
  await world.clock.run(20)
  return acquired
}

async function given(world: FakeWorld, held: readonly { release(): Promise<void> }[]): Promise<void> {
  const released = Promise.all(held.map((each) => each.release()))
  await world.clock.run(20)
  await released
}

/**
 * Three processes with a latency of one millisecond. `waits` got a wake-up for a released permit, but `quick` was faster. So
 * `waits` knows that other processes want permits. `held` has all permits of the other two processes.
 */
async function afterLostRace(permits: number, timeoutMs = 60_000, mine = 0) {
  const world = fakeWorld({ latencyMs: 1 })
  const [holds, quick, waits] = [world.pool(), world.pool(), world.pool()]
  await Promise.all([quick.ready(), waits.ready(), world.clock.run(20)])
  const own = await taken(world, waits, permits, mine)
  const held = await taken(world, holds, permits, permits - mine)
  const since = world.clock.now()
  const next = waits.semaphore('hot', permits).acquire({ timeoutMs })
  const outcome = next.then(
    () => null,
    (error: unknown) => error,
  )
  await world.clock.run(50)
  const released = held.pop()!.release()
  const taking = quick.semaphore('hot', permits).tryAcquire()
  const states = new Set<string>()
  for (let ms = 0; ms < 20; ms++) {
    await world.clock.run(1)
    for (const state of sessionStates(waits)) states.add(state)
  }
  await released
  return { world, waits, held: [...held, (await taking)!], own, next, outcome, states: [...states], since }
}

describe('a process that wanted a permit, and found another process quicker', () => {
  test('waits in the server, and gets the permit at its release', async () => {
    const { world, waits, held, next } = await afterLostRace(1)
    expect(sessionStates(waits)).toEqual(['queued'])
    const served = next.then(() => world.clock.now())
    const since = world.clock.now()
    await given(world, held)
    expect((await served) - since, 'one way to the server, and one from it').toBe(2)
    await given(world, [await next])
  })

  test('waits there for a quarter of a second at a time, because another permit may be free meanwhile', async () => {
    const { world, waits, held, next } = await afterLostRace(2)
    const before = world.server.statements
    await world.clock.run(200)
    expect([world.server.statements - before, ...sessionStates(waits)]).toEqual([0, 'queued'])
    await world.clock.run(60)
    expect(world.server.statements).toBeGreaterThan(before)
    await given(world, held)
    await world.clock.run(1000)
    await given(world, [await next])
  })

  test.each([
    [8, true],
    [9, false],
  ])(
    'of %i permits: waits there is %s, because of many permits another is likely to come',
    async (permits, is) => {
      const { world, held, next, states } = await afterLostRace(permits)
      expect(states.includes('queued')).toBe(is)
      await given(world, held)
      await world.clock.run(1000)
      await given(world, [await next])
    },
  )

  test('only listens while it has a permit itself, which may be released at any moment', async () => {
    const { world, held, own, next, states } = await afterLostRace(2, 60_000, 1)
    expect(states).not.toContain('queued')
    await given(world, own)
    expect(await stateOf(next)).toBe('fulfilled')
    await given(world, [...held, await next])
  })

  test('only listens if its caller has no time left', async () => {
    const { world, held, outcome, states } = await afterLostRace(1, 58)
    expect(states).not.toContain('queued')
    await world.clock.run(300)
    expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
    await given(world, held)
  })

  test("leaves the queue when its caller's time is up, and does not come back without a caller", async () => {
    const { world, waits, held, since, ...seen } = await afterLostRace(1, 150)
    const late = rejection(seen.next).then((error) => ({ error, afterMs: world.clock.now() - since }))
    expect(sessionStates(waits)).toEqual(['queued'])
    await world.clock.run(90)
    expect(sessionStates(waits)).toEqual(['idle'])
    const { error, afterMs } = await late
    expect(error).toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(afterMs).toBeLessThanOrEqual(155)
    await given(world, held)
  })

  test('waits on a session of its own when other keys come, which never wait behind it', async () => {
    const { world, waits, held, next } = await afterLostRace(1)
    const acquired = waits.acquire('other')
    await world.clock.run(50)
    expect((await acquired).state).toBe('held')
    expect(sessionStates(waits)).toEqual(['queued', 'holding'])
    const since = world.clock.now()
    const released = (await acquired).release().then(() => world.clock.now() - since)
    await world.clock.run(20)
    expect(await released).toBe(2)
    await given(world, held)
    await given(world, [await next])
  })
})

test('a caller whose time is up keeps waiting for an answer that may be its permit; one for whom nothing is asked does not', async () => {
  const world = fakeWorld({ latencyMs: 50 })
  const locks = world.pool()
  await Promise.all([locks.ready(), world.clock.run(1000)])
  const jobs = locks.semaphore('jobs', 2)
  const outcomes = [1, 2, 3].map(() =>
    jobs.acquire({ timeoutMs: 60 }).then(
      (permit) => permit,
      (error: { code: string }) => error.code,
    ),
  )
  await world.clock.run(61)
  expect(await Promise.all(outcomes.map(stateOf))).toEqual(['pending', 'pending', 'fulfilled'])
  expect(await outcomes[2]).toBe('LOCK_TIMEOUT')
  await world.clock.run(100)
  const served = (await Promise.all(outcomes.slice(0, 2))) as Permit[]
  expect(served.map(({ state }) => state)).toEqual(['held', 'held'])
  await Promise.all([...served.map((permit) => permit.release()), world.clock.run(300)])
})

describe('where there is little room in the lock table', () => {
  test('as many callers have a permit as there is room for, and the next is refused', async () => {
    const world = fakeWorld()
    const locks = world.pool({ maxHeldLocks: 2 })
    const jobs = locks.semaphore('jobs', 3)
    const outcomes = [1, 2].map(() =>
      jobs.acquire().then(
        (permit) => permit,
        (error: { code: string }) => error.code,
      ),
    )
    await world.clock.run(100)
    const [permit, code] = await Promise.all(outcomes)
    expect(code).toBe('LOCK_TABLE_FULL')
    await (permit as Permit).release()
    await (await jobs.acquire()).release()
  })

  test('a waiter without room for its registration is not refused: it tries now and then', async () => {
    const world = fakeWorld()
    const [holds, waits] = [world.pool(), world.pool({ maxHeldLocks: 2 })]
    const permit = await holds.semaphore('jobs', 1).acquire()
    const waiting = waits.semaphore('jobs', 1).acquire({ timeoutMs: 60_000 })
    await world.clock.run(5000)
    expect(await stateOf(waiting)).toBe('pending')
    const before = world.server.statements
    await world.clock.run(5000)
    expect(world.server.statements - before, 'and not all the time').toBeLessThan(20)
    await permit.release()
    await world.clock.run(1500)
    expect(await stateOf(waiting)).toBe('fulfilled')
    await (await waiting).release()
  })
})

test('a foreign session that registers for permits, and never comes, costs successive callers little', async () => {
  const world = fakeWorld({ latencyMs: 0.3 })
  const locks = world.pool()
  const jobs = locks.semaphore('jobs', 1)
  world.server.table.forge('semaphore:/jobs', 'registration')
  let sections = 0
  let isOver = false
  const working = [1, 2, 3].map(async () => {
    while (!isOver) {
      const mine = await jobs.acquire()
      sections++
      await new Promise<void>((resolve) => void world.clock.after(1, resolve))
      await mine.release()
    }
  })
  await world.clock.run(1000)
  isOver = true
  await world.clock.run(50)
  await Promise.all(working)
  world.server.table.unforge('semaphore:/jobs')
  // Measured: 856 sections, because the pool doubts such a session after a while.
  expect(sections).toBeGreaterThan(750)
})
