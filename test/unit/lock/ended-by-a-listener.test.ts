import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../support/fake-world.js'

/**
 * Ends the sessions, as an event listener can: if the lease is over, reading the state of another lock of the session is
 * enough.
 */
function endSession(world: FakeWorld, locks: FakeLockPool): void {
  for (const { serverId } of locks.snapshot().sessions) world.server.end(world.server.connection(serverId))
}

/** Ends the sessions of `locks` when the pool emits `event` for the n-th time, where n is `time`. */
function endAt(
  world: FakeWorld,
  locks: FakeLockPool,
  event: 'lock:acquired' | 'lock:released' | 'lock:lost' | 'waiter:left',
  time: number,
): void {
  let times = 0
  locks.on(event, () => {
    if (++times === time) endSession(world, locks)
  })
}

const SHARED = { mode: 'shared', timeoutMs: Infinity } as const

test('readers that are granted together lose the lock together when a listener ends their session', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  await locks.ready()
  endAt(world, locks, 'lock:acquired', 2)
  const waiting = [1, 2, 3, 4].map(() => locks.acquire('report', SHARED))

  await world.clock.run(2000)

  expect(await Promise.all(waiting.map(stateOf))).toEqual(waiting.map(() => 'fulfilled'))
  const readers = await Promise.all(waiting)
  expect(readers.map(({ state }) => state)).toEqual(['lost', 'lost', 'lost', 'lost'])
})

test('a listener of a release for others may end the session', async () => {
  const world = fakeWorld()
  const [here, elsewhere] = [world.pool({ max: 2 }), world.pool()]
  const lock = await here.acquire('orders')
  const [next, theirs] = [
    here.acquire('orders', { timeoutMs: Infinity }),
    elsewhere.acquire('orders', { timeoutMs: Infinity }),
  ]
  await world.clock.run(100)
  endAt(world, here, 'lock:released', 1)

  await lock.release()
  await world.clock.run(2000)

  // No wake-up was sent after the end of the session, so either waiter may get the lock first.
  await (await Promise.race([next, theirs])).release()
  await world.clock.run(2000)
  expect(await Promise.all([next, theirs].map(stateOf))).toEqual(['fulfilled', 'fulfilled'])
})

test('and so may a listener of a local hand-off, when no other process waits', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const lock = await locks.acquire('orders')
  const next = locks.acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(100)
  endAt(world, locks, 'lock:released', 1)

  await lock.release()
  await world.clock.run(2000)

  // The hand-off came before the call of the listener.
  expect((await next).state).toBe('lost')
})

test('and a listener of a granted or released permit may do the same', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const other = world.pool()
  await locks.ready()
  endAt(world, locks, 'lock:acquired', 2)
  const waiting = ['a', 'b', 'b', 'c'].map((key) => locks.semaphore(key, 2).acquire({ timeoutMs: Infinity }))
  await world.clock.run(2000)
  expect(await Promise.all(waiting.map(stateOf))).toEqual(waiting.map(() => 'fulfilled'))
  const permits = await Promise.all(waiting)
  expect(permits.map(({ state }) => state)).toEqual(['lost', 'lost', 'lost', 'lost'])
  const again = await (async () => {
    const taking = [1, 2].map(() => locks.semaphore('b', 2).acquire())
    await world.clock.run(2000)
    return Promise.all(taking)
  })()

  const theirs = ['b', 'b'].map((key) => other.semaphore(key, 2).acquire({ timeoutMs: Infinity }))
  await world.clock.run(100)
  endAt(world, locks, 'lock:released', 1)
  await again[0]!.release()
  await world.clock.run(2000)
  expect(await Promise.all(theirs.map(stateOf))).toEqual(['fulfilled', 'fulfilled'])
})

test('and so may a listener of a lock that is found lost after a failed batch', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const held = await Promise.all(['a', 'b', 'c'].map((key) => locks.acquire(key)))
  const waiting = ['a', 'b', 'c'].map((key) => locks.acquire(key, { timeoutMs: Infinity }))
  const { serverId } = locks.snapshot().sessions[0]!
  for (const key of ['a', 'b', 'c']) world.server.table.drop(serverId, { id: `/${key}` }, 'exclusive')
  world.server.failNextBatch(0)
  endAt(world, locks, 'lock:lost', 1)

  await rejection(locks.acquire('d'))
  await world.clock.run(2000)

  expect(held.map(({ state }) => state)).toEqual(['lost', 'lost', 'lost'])
  expect(await Promise.all(waiting.map(stateOf))).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  expect(locks.snapshot().counters).toMatchObject({ lost: 3 })
  expect(locks.snapshot().sessions).toMatchObject([{ keys: 3 }])
})

test('a failed batch is reported to each caller that asked once, though one of them ends the session', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const held = await locks.acquire('held')
  world.server.failNextBatch(0)
  endAt(world, locks, 'waiter:left', 1)
  const asked = ['a', 'b', 'c'].map((key) => locks.acquire(key, { timeoutMs: Infinity }))
  const first = rejection(asked[0]!)
  for (const rest of asked.slice(1)) void rejection(rest)

  await world.clock.run(2000)

  expect(await first).toMatchObject({ code: 'CONNECTION_FAILED' })
  expect(held.state).toBe('lost')
  expect(await Promise.all(asked.slice(1).map(stateOf))).toEqual(['rejected', 'rejected'])
})
