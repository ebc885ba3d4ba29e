import { describe, expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import type { Permit } from '../../../../src/lock/semaphore/permit.js'
import { fakeWorld, rejection, stateOf } from '../../../support/fake-world.js'
import { shares, takingTurns } from '../../../support/taking-turns.js'

/** The number of slots of a semaphore that sessions hold at the server. */
function heldSlots(world: ReturnType<typeof fakeWorld>, key: string, permits: number): number {
  const { slot } = world.server.dialect.encodeSemaphore(key, permits, '')
  return Array.from({ length: permits }, (_, i) => world.server.table.holders(slot(i).id).length).reduce(
    (sum, each) => sum + each,
    0,
  )
}

async function takeAll(pool: FakeLockPool, count: number, permits = count): Promise<Permit[]> {
  return Promise.all(Array.from({ length: count }, () => pool.semaphore('s', permits).acquire()))
}

test('up to `permits` callers hold it at once, over all processes, and no more', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const first = await takeAll(a, 2, 3)
  const [third] = await takeAll(b, 1, 3)

  expect(heldSlots(world, 's', 3)).toBe(3)
  expect(new Set([...first, third!].map((permit) => permit.number))).toEqual(new Set([1, 2, 3]))
  expect(await a.semaphore('s', 3).tryAcquire()).toBeNull()
  expect(await b.semaphore('s', 3).tryAcquire()).toBeNull()

  await first[0]!.release()
  expect(heldSlots(world, 's', 3)).toBe(2)
  const again = await b.semaphore('s', 3).tryAcquire()
  expect(again?.number).toBe(first[0]!.number)
  expect(again!.token).toBeGreaterThan(first[0]!.token)
})

test('callers who come together share one statement', async () => {
  const world = fakeWorld()
  const pool = world.pool()
  await pool.ready()
  const before = world.server.statements

  const permits = await takeAll(pool, 50)

  expect(world.server.statements - before).toBe(1)
  expect(new Set(permits.map((permit) => permit.number)).size).toBe(50)
  await Promise.all(permits.map((permit) => permit.release()))
  expect(world.server.statements - before).toBe(2)
  expect(heldSlots(world, 's', 50)).toBe(0)
  expect(world.server.table.size, 'nothing is left of it').toBe(0)
})

test('a semaphore and a lock of the same key are different things', async () => {
  const pool = fakeWorld().pool()
  const lock = await pool.acquire('s')

  const permit = await pool.semaphore('s', 1).acquire()

  expect([lock.state, permit.state]).toEqual(['held', 'held'])
})

test('a permit goes from caller to caller in the order they came, at no cost to the server', async () => {
  const world = fakeWorld()
  const pool = world.pool()
  const [permit] = await takeAll(pool, 1)
  const served: number[] = []
  const waiting = [1, 2, 3].map(async (each) => {
    const got = await pool.semaphore('s', 1).acquire()
    served.push(each)
    return got
  })
  await world.clock.run(1)
  const before = world.server.statements

  await permit!.release()
  const next = await waiting[0]!
  await next.release()

  expect(served.slice(0, 2)).toEqual([1, 2])
  expect(next.token).toBeGreaterThan(permit!.token)
  expect(world.server.statements).toBe(before)
  expect(pool.snapshot().counters.handedOff).toBe(2)
  await (await waiting[1]!).release()
  expect((await waiting[2]!).number).toBe(1)
})

test('a process that waits is woken by the release in another', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const held = await takeAll(a, 2)
  const waiting = b.semaphore('s', 2).acquire()
  expect(await stateOf(waiting)).toBe('pending')
  await world.clock.run(10)

  await held[1]!.release()

  expect((await waiting).number).toBe(held[1]!.number)
  expect(world.clock.now()).toBe(10)
  expect(world.server.table.heldIds.filter((id) => id.includes('='))).toHaveLength(1)
})

test('a process with callers enough gives others their turn', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  let isOver = false
  const busy = Array.from({ length: 6 }, async () => {
    while (!isOver)
      await a
        .semaphore('s', 2)
        .withPermit(() => new Promise<void>((resolve) => void world.clock.after(3, resolve)))
  })
  await world.clock.run(20)

  const waiting = b.semaphore('s', 2).acquire()
  await world.clock.run(40)

  expect(await stateOf(waiting)).toBe('fulfilled')
  await (await waiting).release()
  isOver = true
  await world.clock.run(100)
  await Promise.all(busy)
})

test.each([
  ['in one building', { processes: 3, latencyMs: 0.2, holdMs: 2, least: 540, share: 0.2, longestMs: 50 }],
  ['over a slow network', { processes: 2, latencyMs: 3, holdMs: 10, least: 90, share: 0.4, longestMs: 100 }],
] as const)(
  'one caller in each of several processes, %s, have the same permits in turn',
  async (_, expected) => {
    const { processes, latencyMs, holdMs } = expected
    const world = fakeWorld({ latencyMs })
    const semaphores = Array.from({ length: processes }, () => world.pool().semaphore('s', 1))
    const acquire = semaphores.map((semaphore) => () => semaphore.acquire())

    const taken = await takingTurns(world, acquire, holdMs, 3000)

    expect(taken.turns.length).toBeGreaterThan(expected.least)
    for (const share of shares(taken, processes)) expect(share).toBeGreaterThan(expected.share)
    expect(taken.longestMs).toBeLessThan(expected.longestMs)
  },
)

test('a local waiter gets the permit that was released here, if no other process waits', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const [a, b] = [world.pool(), world.pool()]
  const mine = a.semaphore('s', 2).acquire()
  const theirs = b.semaphore('s', 2).acquire()
  await world.clock.run(10)
  const waiting = a.semaphore('s', 2).acquire()
  // The cohort turn is over, and the next poll comes most of a second later.
  await world.clock.run(2000)
  const released = (await mine).release()
  await world.clock.run(5)
  await released

  expect(await stateOf(waiting)).toBe('fulfilled')
  await Promise.all([(await waiting).release(), (await theirs).release(), world.clock.run(50)])
})

test('a pool that is closed while it lets others come has lost nothing', async () => {
  const world = fakeWorld({ latencyMs: 0.2 })
  const [a, b] = [world.pool(), world.pool()]
  const lost: string[] = []
  a.on('session:lost', ({ reason }) => lost.push(reason))
  const first = a.semaphore('s', 1).acquire()
  await world.clock.run(10)
  const waiting = b.semaphore('s', 1).acquire()
  await world.clock.run(300)
  const released = (await first).release()
  await world.clock.run(1.5)
  await released

  const closed = a.close({ graceMs: 0 })
  await world.clock.run(50)
  await closed
  expect(lost).toEqual([])
  await Promise.all([(await waiting).release(), world.clock.run(50)])
})

test('a process that yielded and was not followed continues without the poll', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const [permit] = await takeAll(a, 1)
  const next = a.semaphore('s', 1).acquire()
  const controller = new AbortController()
  const other = b.semaphore('s', 1).acquire({ signal: controller.signal })
  await world.clock.run(20)
  world.server.notificationLoss = 1

  const released = permit!.release()
  controller.abort(new Error('no longer'))
  await rejection(other)
  await world.clock.run(6)

  await released
  expect(await stateOf(next)).toBe('fulfilled')
})

test('a wake-up while an attempt is under way is not lost', async () => {
  let travel = (): number => 0
  const world = fakeWorld({ latencyMs: 1, random: { next: () => travel() } })
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool({ max: 1 }), world.pool()]
  const [permit] = await takeAll(a, 1)
  const waiting = b.semaphore('s', 1).acquire()
  await world.clock.run(20)
  // The attempt of the poll reaches the server at once, and its answer takes 8 ms.
  const ways = [0, 8]
  travel = () => ways.shift() ?? 0
  while (ways.length > 0) await world.clock.run(1)
  expect(b.snapshot().semaphores[0]!.state).toBe('polling')

  await permit!.release()
  await world.clock.run(10)

  expect(await stateOf(waiting)).toBe('fulfilled')
})

describe('refusals', () => {
  test('timeouts name the semaphore and hold nothing', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    await takeAll(a, 1)

    const error = rejection(b.semaphore('s', 1).acquire({ timeoutMs: 30 }))
    const once = rejection(b.semaphore('s', 1).acquire({ timeoutMs: 0 }))
    await world.clock.run(40)

    expect(await error).toMatchObject({ code: 'LOCK_TIMEOUT', key: 'semaphore "s"', phase: 'locking' })
    expect(await once).toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(world.server.table.size, 'the slot of the other, and its shape').toBe(2)
  })

  test('an abort rejects with its reason, before and while waiting', async () => {
    const world = fakeWorld()
    const pool = world.pool()
    await takeAll(pool, 1)
    const reason = new Error('stop')
    const controller = new AbortController()

    const waiting = rejection(pool.semaphore('s', 1).acquire({ signal: controller.signal }))
    controller.abort(reason)

    expect(await waiting).toBe(reason)
    expect(await rejection(pool.semaphore('s', 1).acquire({ signal: controller.signal }))).toBe(reason)
  })

  test.each([0, 1001, 1.5, NaN, '3'])('%s permits are refused', (permits) => {
    expect(() =>
      fakeWorld()
        .pool()
        .semaphore('s', permits as number),
    ).toThrow(/"permits" must be an integer/)
  })

  test('options are checked as for locks, and `mode` is no option', async () => {
    const semaphore = fakeWorld().pool().semaphore('s', 1)

    const options = { mode: 'shared', timeoutMs: -1 } as never
    expect(await rejection(semaphore.acquire(options))).toMatchObject({ code: 'INVALID_OPTION' })
    expect(await rejection(semaphore.withPermit('no' as never))).toMatchObject({ code: 'INVALID_OPTION' })
  })

  test('another number of permits is refused at once within a process', () => {
    const pool = fakeWorld().pool()
    pool.semaphore('s', 2)

    expect(() => pool.semaphore('s', 3)).toThrow(
      'semaphore "s" is asked for with 3 permits, and used with 2 here',
    )
  })

  test('another number of permits is refused in another process, while the first uses it', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    const [permit] = await takeAll(a, 1, 2)

    const error = await rejection(b.semaphore('s', 3).acquire())

    expect(error).toMatchObject({ code: 'INVALID_OPTION' })
    expect(error.message).toMatch(/asked for with 3 permits, and used with 2 in another process/)
    await world.clock.run(1)
    expect(heldSlots(world, 's', 3)).toBe(1)
    await permit!.release()
    expect((await b.semaphore('s', 3).acquire()).state, 'and no longer when it does not').toBe('held')
  })

  test('maxWaiting counts callers that wait for permits', async () => {
    const pool = fakeWorld().pool({ maxWaiting: 1 })
    await takeAll(pool, 1)
    void rejection(pool.semaphore('s', 1).acquire())

    expect(await rejection(pool.semaphore('s', 1).acquire())).toMatchObject({ code: 'POOL_SATURATED' })
  })

  test('closing refuses waiters, and waits for holders', async () => {
    const pool = fakeWorld().pool()
    const [permit] = await takeAll(pool, 1)
    const waiting = rejection(pool.semaphore('s', 1).acquire())

    const closing = pool.close()

    expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
    expect(await stateOf(closing)).toBe('pending')
    await permit!.release()
    await closing
    expect(await rejection(pool.semaphore('s', 1).acquire())).toMatchObject({ code: 'POOL_CLOSED' })
  })
})

describe('losses', () => {
  test('when its session ends every permit is lost, once, and others can have them', async () => {
    const world = fakeWorld()
    const [a, b] = [world.pool(), world.pool()]
    const lost: string[] = []
    a.on('lock:lost', ({ key }) => lost.push(key))
    const held = await takeAll(a, 3)
    const waiting = b.semaphore('s', 3).acquire()
    await world.clock.run(10)

    world.server.end(world.server.connection(a.snapshot().sessions[0]!.serverId))

    expect(held.map((permit) => permit.state)).toEqual(['lost', 'lost', 'lost'])
    expect(lost).toEqual(['s', 's', 's'])
    const error = await rejection(held[0]!.release())
    expect(error).toMatchObject({ code: 'LOCK_LOST', key: 'a permit of semaphore "s"' })
    await world.clock.run(1000)
    expect((await waiting).state).toBe('held')
  })

  test('a statement that fails half-way leaves no permit without a holder', async () => {
    const world = fakeWorld()
    const pool = world.pool()
    const [kept] = await takeAll(pool, 1, 5)
    world.server.failNextBatch(2)

    const outcomes = await Promise.allSettled(
      Array.from({ length: 3 }, () => pool.semaphore('s', 5).acquire()),
    )

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(heldSlots(world, 's', 5)).toBe(1)
    expect(world.server.table.size, 'the slot, and the shape').toBe(2)
    expect(kept!.state).toBe('held')
  })

  test('a release that fails half-way has released everything', async () => {
    const world = fakeWorld()
    const pool = world.pool()
    const held = await takeAll(pool, 3, 4)
    world.server.failNextBatch(1)

    await Promise.all(held.slice(0, 2).map((permit) => permit.release()))

    expect(heldSlots(world, 's', 4)).toBe(1)
    expect(held[2]!.state).toBe('held')
  })
})

test('held permits count as entries of the lock table', async () => {
  const pool = fakeWorld().pool({ maxHeldLocks: 4 })
  const held = await takeAll(pool, 3, 10)

  const outcomes = await Promise.allSettled([1, 2].map(() => pool.semaphore('s', 10).acquire()))

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(outcomes[0]).toMatchObject({ reason: { code: 'LOCK_TABLE_FULL' } })
  await held[0]!.release()
  expect((await pool.semaphore('s', 10).acquire()).state).toBe('held')
})

test('the snapshot shows semaphores, and events their key', async () => {
  const world = fakeWorld()
  const pool = world.pool()
  const events: string[] = []
  pool.on('lock:acquired', ({ key, mode }) => events.push(`acquired ${key} ${mode}`))
  pool.on('lock:released', ({ key }) => events.push(`released ${key}`))
  const [permit] = await takeAll(pool, 1)
  const waiting = pool.semaphore('s', 1).acquire()

  expect(pool.snapshot()).toMatchObject({ held: 1, waiting: 1, keys: [] })
  expect(pool.snapshot().semaphores).toEqual([
    {
      key: 's',
      permits: 1,
      state: 'idle',
      session: 1,
      holders: [{ number: 1, heldMs: 0, token: permit!.tokenText, label: null }],
      waiters: [{ waitedMs: 0, label: null }],
    },
  ])
  await permit!.release()
  await (await waiting).release()
  expect(events).toEqual(['acquired s exclusive', 'released s', 'acquired s exclusive', 'released s'])
  expect(pool.snapshot().semaphores).toEqual([])
})

test('withPermit gives the permit back however the body ends', async () => {
  const pool = fakeWorld().pool()
  const semaphore = pool.semaphore('s', 1)

  expect(await semaphore.withPermit((permit) => permit.number)).toBe(1)
  const error = new Error('of the body')
  expect(await rejection(semaphore.withPermit({ timeoutMs: 10 }, () => Promise.reject(error)))).toBe(error)

  expect(pool.snapshot().held).toBe(0)
})

test('a body that holds a permit may ask for another, and for locks, without a deadlock error', async () => {
  const world = fakeWorld()
  const pool = world.pool()
  const semaphore = pool.semaphore('s', 1)

  const outcome = await pool.withLock('a', () =>
    semaphore.withPermit(async () => {
      const inner = rejection(semaphore.acquire({ timeoutMs: 5 }))
      await world.clock.run(10)
      return inner
    }),
  )

  expect(outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
})
