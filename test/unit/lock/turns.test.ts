import { describe, expect, test } from 'vitest'
import { drawn } from '../../../src/lock/handle/drawn-token.js'
import { MAX_HAND_OFFS, CohortTurn, COHORT_TURN_MS } from '../../../src/lock/contention/cohort-turn.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { fakeWorld } from '../../support/fake-world.js'
import { shares, takingTurns, type Turns } from '../../support/taking-turns.js'

test('a turn is bounded by time and by count, and its tokens stay below the next of the server', () => {
  const turn = new CohortTurn(drawn('1024'), 0, 0)
  expect(turn.mayContinue(COHORT_TURN_MS - 0.1)).toBe(true)
  expect(turn.mayContinue(COHORT_TURN_MS)).toBe(false)

  for (let i = 0; i < MAX_HAND_OFFS; i++) expect(turn.draw()).toBe(i)

  expect(turn.mayContinue(0)).toBe(false)
  expect(turn.room).toBe(0)
  expect(MAX_HAND_OFFS).toBeLessThan(1024)
})

test('a turn lasts for twenty answers if those are slow, and for a tenth of a second at most', () => {
  const endsAt = (tripMs: number): number => {
    const turn = new CohortTurn(null, 0, tripMs)
    let now = 0
    while (turn.mayContinue(now)) now++
    return now
  }
  expect([0, 0.3, 0.5, 1, 3, 5, 1000].map(endsAt)).toEqual([10, 10, 10, 20, 60, 100, 100])
})

test('on a hot key every process gets its share, and turns go round', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const pools = [1, 2, 3, 4].map(() => world.pool())
  const grants = pools.map(() => 0)
  let isOver = false
  const callers = pools.flatMap((pool, i) =>
    Array.from({ length: 5 }, async () => {
      while (!isOver) {
        await pool.withLock('hot', async () => {
          grants[i]!++
          await new Promise<void>((resolve) => void world.clock.after(0.5, resolve))
        })
      }
    }),
  )

  await world.clock.run(2000)
  isOver = true
  await world.clock.run(500)
  await Promise.all(callers)

  const total = grants.reduce((sum, each) => sum + each)
  for (const each of grants) expect(each / total).toBeGreaterThan(0.2)
})

describe('a key that one caller in each of several processes wants again and again', () => {
  function passing(processes: number, holdMs: number): Promise<Turns> {
    const world = fakeWorld({ latencyMs: 0.2 })
    const pools = Array.from({ length: processes }, () => world.pool())
    return takingTurns(
      world,
      pools.map((pool) => () => pool.acquire('hot')),
      holdMs,
    )
  }

  test('goes to and fro between two', async () => {
    const { turns, longestMs } = await passing(2, 2)

    expect(turns.length).toBeGreaterThan(250)
    expect(turns.every((process, i) => i === 0 || process !== turns[i - 1])).toBe(true)
    expect(longestMs).toBeLessThan(5)
  })

  test('goes to and fro as well where messages take their time, and some of them more', async () => {
    const world = fakeWorld({ latencyMs: 8, random: new SeededRandom(1) })
    const [a, b] = [world.pool(), world.pool()]
    const taken = await takingTurns(world, [() => a.acquire('hot'), () => b.acquire('hot')], 2, 4000)

    const again = taken.turns.filter((place, i) => place === taken.turns[i - 1]).length
    expect(again / taken.turns.length).toBeLessThan(0.2)
    expect(taken.longestMs).toBeLessThan(150)
  })

  test('goes round among five', async () => {
    const taken = await passing(5, 2)

    for (const share of shares(taken, 5)) expect(share).toBeGreaterThan(0.15)
    expect(taken.longestMs).toBeLessThan(5 * 10)
  })

  test('is granted a round trip sooner, once it is known to be wanted', async () => {
    const world = fakeWorld({ latencyMs: 1 })
    world.server.longestWaitMs = 0
    const pools = [world.pool(), world.pool()] as const
    const took: number[] = []
    const first = pools[0].acquire('hot')
    await world.clock.run(20)
    let lock = await first
    for (let turn = 1; turn <= 5; turn++) {
      const waiting = pools[turn % 2]!.acquire('hot').then((granted) => [granted, world.clock.now()] as const)
      await world.clock.run(300)
      const since = world.clock.now()
      await Promise.all([lock.release(), world.clock.run(20)])
      const [granted, at] = await waiting
      took.push(at - since)
      lock = granted
    }
    await Promise.all([lock.release(), world.clock.run(20)])

    // The shortest way has four messages: the release to the server, the wake-up to the waiter, and its attempt to the server
    // and back.
    expect(took).toEqual([6, 6, 4, 4, 4])
  })

  test('goes to and fro between one that takes it with others and one that takes it alone', async () => {
    const world = fakeWorld({ latencyMs: 0.2 })
    const [a, b] = [world.pool(), world.pool()]
    const taken = await takingTurns(world, [() => a.acquireAll(['hot']), () => b.acquire('hot')], 2)

    expect(Math.min(...shares(taken, 2))).toBeGreaterThan(0.4)
  })

  test('a waiter with little time left asks for it, whichever process has precedence', async () => {
    const world = fakeWorld({ latencyMs: 0.2 })
    world.server.longestWaitMs = 0
    const [a, b] = [world.pool(), world.pool()]
    const first = a.acquire('hot')
    const other = b.acquire('other')
    await world.clock.run(10)
    const waiting = b.acquire('hot')
    // Pool `a` waits for another key, so its listener is already active.
    const elsewhere = a.acquire('other')
    await world.clock.run(300)
    // Process `b` does not get its wake-up, so it does not come.
    for (const connection of world.server.connections)
      if (connection.handlers !== null) connection.handlers = null
    const released = (await first).release()
    const again = a.acquire('hot', { timeoutMs: 3 })
    await world.clock.run(10)
    await released

    const lock = await again
    await Promise.all([lock.release(), (await other).release(), world.clock.run(2000)])
    await Promise.all([(await waiting).release(), (await elsewhere).release(), world.clock.run(50)])
  })

  test('goes at once to a caller that does not wait, and soon to a process that no other followed', async () => {
    const world = fakeWorld({ latencyMs: 0.2 })
    world.server.longestWaitMs = 0
    const [a, b] = [world.pool(), world.pool()]
    const given = new AbortController()
    const held = world.clock.run(10).then(() => undefined)
    const first = a.acquire('hot')
    await held
    const waiting = b.acquire('hot', { signal: given.signal }).catch(() => null)
    await world.clock.run(300)
    const released = (await first).release()
    // The waiter goes away while its wake-up is under way.
    given.abort()
    const since = world.clock.now()
    const again = a.acquire('hot').then((lock) => ({ lock, afterMs: world.clock.now() - since }))
    await world.clock.run(50)
    await Promise.all([released, waiting])
    const { lock, afterMs } = await again

    expect(afterMs).toBeLessThanOrEqual(6.5)
    const nobodyElse = lock.release()
    await world.clock.run(5)
    await nobodyElse
    const waiter = b.acquire('hot')
    await world.clock.run(5)
    const other = await waiter
    const asleep = a.acquire('hot')
    await world.clock.run(300)
    const gone = other.release()
    await world.clock.run(0.3)
    const impatient = b.tryAcquire('hot')
    await world.clock.run(5)
    await gone
    expect(await impatient, 'asked after the release, before the sleeper').not.toBeNull()
    await Promise.all([(await impatient)!.release(), world.clock.run(50)])
    await Promise.all([(await asleep).release(), world.clock.run(50)])
  })
})
