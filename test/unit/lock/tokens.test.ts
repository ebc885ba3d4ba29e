import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import type { Lock } from '../../../src/lock/handle/lock.js'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

const FAULT = new Error('the sequence is gone')

function warningsOf(locks: FakeLockPool): string[] {
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))
  return warnings
}

test('without its tokens a pool continues: no caller is refused, nothing is lost, and one warning says why', async () => {
  const { server } = fakeWorld()
  const world = fakeWorld()
  const locks = world.pool({ max: 3 })
  const warnings = warningsOf(locks)
  const held = await locks.acquire('held')
  world.server.tokenFault = FAULT

  const one = await locks.acquire('one')
  const tried = await locks.tryAcquire('tried')
  const reader = await locks.acquire('read', { mode: 'shared' })
  const group = await locks.acquireAll(['a', 'b', 'c'])
  const permits = await Promise.all([1, 2].map(() => locks.semaphore('permits', 3).acquire()))

  for (const lock of [one, tried!, reader, ...group.locks]) {
    expect(lock.state).toBe('held')
    expect(lock.tokenText).toBeNull()
    expect(() => lock.token).toThrowError(/the sequence is gone/)
  }
  expect(held.state).toBe('held')
  expect(warnings).toEqual([expect.stringMatching(/no fencing tokens.*the sequence is gone/)])
  await Promise.all([held, one, tried!, reader, group, ...permits].map((each) => each.release()))
  expect(server.table.size).toBe(0)
})

test('a batch that fails because of tokens is asked for again in one piece, releases in it included', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const before = await Promise.all(['a', 'b'].map((key) => locks.acquire(key)))
  world.server.tokenFault = FAULT

  // One batch releases two locks, acquires one of them again, and acquires two new ones.
  const released = before.map((lock) => lock.release())
  const acquired = ['a', 'c', 'd'].map((key) => locks.acquire(key))
  const locked = await Promise.all(acquired)

  await Promise.all(released)
  expect(locked.map(({ state }) => state)).toEqual(['held', 'held', 'held'])
  expect(world.server.table.heldBy(locks.snapshot().sessions[0]!.serverId)).toHaveLength(3)
})

test('tokens are looked for again, and come back', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const first = await locks.acquire('first')
  world.server.tokenFault = FAULT
  const without = await locks.acquire('without')
  await world.clock.run(10_000)
  expect(() => without.token).toThrowError(/gone/)
  world.server.tokenFault = null

  await world.clock.run(30_000)

  const again = await locks.acquire('again')
  expect(again.token).toBeGreaterThan(first.token)
  expect(without.tokenText, 'what was granted without one has none').toBeNull()
})

test('looks for tokens become rare, and end with the session', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  await locks.acquire('held')
  await world.clock.run(120_000)
  world.server.tokenFault = FAULT
  await locks.acquire('without')
  const asked = async (ms: number): Promise<number> => {
    const before = world.server.statements
    await world.clock.run(ms)
    return world.server.statements - before
  }

  const early = await asked(10_000)
  await world.clock.run(120_000)
  const late = await asked(10_000)

  expect(early).toBeGreaterThanOrEqual(late + 2)
  const closing = locks.close({ graceMs: 0 })
  await world.clock.run(1000)
  await closing
  expect(world.clock.armed).toBe(0)
})

test('an error that is not about tokens is reported unchanged', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  await locks.acquire('held')
  world.server.tokenFault = FAULT
  await locks.acquire('without')
  world.server.failNextBatch(0, FAULT)

  expect(await rejection(locks.acquire('orders'))).toMatchObject({ code: 'CONNECTION_FAILED' })
})

test('with fencing off no tokens are looked for, and no warning comes', async () => {
  const world = fakeWorld()
  const locks = world.pool({ fencing: 'off' })
  const warnings = warningsOf(locks)
  world.server.tokenFault = FAULT

  const lock = await locks.acquire('orders')
  await world.clock.run(120_000)

  expect(() => lock.token).toThrowError(/"fencing" is off/)
  expect(warnings).toEqual([])
})

const SETTLE_MS = 5000

async function granted(lock: Promise<Lock>): Promise<boolean> {
  return (await stateOf(lock)) === 'fulfilled'
}

test('on a server that has not settled a strict pool tells of no grant before, and says when it has', async () => {
  const world = fakeWorld()
  world.server.attachDelayMs = SETTLE_MS
  const locks = world.pool({ strict: true })
  const delays: number[] = []
  locks.on('lock:delayed', ({ delayMs }) => delays.push(delayMs))

  const first = locks.acquire('first')
  await world.clock.run(SETTLE_MS / 2)
  const second = locks.acquire('second', { mode: 'shared' })
  expect(await locks.tryAcquire('tried')).toBeNull()
  await world.clock.run(SETTLE_MS / 2 - 1)
  expect([await granted(first), await granted(second)]).toEqual([false, false])
  expect(world.server.settled).toBe(0)
  await world.clock.run(1)

  expect([await granted(first), await granted(second)]).toEqual([true, true])
  expect(delays).toEqual([SETTLE_MS, SETTLE_MS / 2, SETTLE_MS / 2])
  expect(world.server.settled).toBe(1)
  const since = world.clock.now()
  await locks.acquire('third')
  expect(world.clock.now()).toBe(since)
})

test('a pool that is not strict does not wait, and still reports when the server has settled', async () => {
  const world = fakeWorld()
  world.server.attachDelayMs = SETTLE_MS
  const locks = world.pool()

  expect((await locks.acquire('orders')).state).toBe('held')
  await world.clock.run(SETTLE_MS)

  expect(world.server.settled).toBe(1)
})

test('a leftover mark delays for longer than what is left of settling', async () => {
  const world = fakeWorld()
  const killed = world.pool({ strict: true, leaseMs: 4 * SETTLE_MS })
  await killed.acquire('orders')
  world.server.attachDelayMs = SETTLE_MS
  for (const { serverId } of killed.snapshot().sessions) world.server.end(world.server.connection(serverId))
  const next = world.pool({ strict: true, leaseMs: 4 * SETTLE_MS })
  const waiting = next.acquire('orders', { timeoutMs: Infinity })

  await world.clock.run(4 * SETTLE_MS - 1)
  expect(await granted(waiting)).toBe(false)
  await world.clock.run(1)

  expect(await granted(waiting)).toBe(true)
})

test('a strict pool keeps to the lease that the database has agreed on', async () => {
  const world = fakeWorld()
  world.server.strictLeaseMs = 3000
  const locks = world.pool({ strict: true, leaseMs: 60_000 })
  const lock = await locks.acquire('orders')
  const [session] = locks.snapshot().sessions

  world.server.connection(session!.serverId).isMute = true
  await world.clock.run(3000)

  expect(lock.state).toBe('lost')
})
