/** When a process opens lock sessions, when it checks them in, and which callers get their connections. */
import { describe, expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import type { Lock } from '../../../../src/lock/handle/lock.js'
import { fakeWorld, rejection, stateOf } from '../../../support/fake-world.js'

const idsOf = (locks: FakeLockPool): number[] => locks.snapshot().sessions.map(({ id }) => id)

describe('a lock session that serves no key', () => {
  test('gives the only connection to a borrower, and the next key gets it when that is done', async () => {
    const world = fakeWorld()
    const locks = world.pool({ max: 1 })
    await (await locks.acquire('first')).release()
    expect(idsOf(locks)).toEqual([1])
    const borrowed = await locks.connections.connect()
    expect(idsOf(locks)).toEqual([])

    const next = locks.acquire('next')
    await world.clock.run(1000)
    expect(await stateOf(next)).toBe('pending')
    borrowed.release()
    await world.clock.run(1)
    expect(idsOf(locks)).toEqual([2])
    await (await next).release()
  })

  test('is kept while it is used, and checked in after the idle time of a connection', async () => {
    const world = fakeWorld()
    const locks = world.pool({ max: 3, idleTimeoutMs: 5000 })
    const lost: string[] = []
    locks.on('session:lost', ({ reason }) => lost.push(reason))
    const lock = await locks.acquire('long')
    await world.clock.run(20_000)
    expect(idsOf(locks)).toEqual([1])
    await lock.release()
    await world.clock.run(4900)
    expect(idsOf(locks)).toEqual([1])
    const again = await locks.acquire('long')
    await again.release()
    await world.clock.run(4900)
    expect(idsOf(locks), 'counted from the last use').toEqual([1])
    await world.clock.run(5200)
    expect(idsOf(locks)).toEqual([])
    expect(lost).toEqual([])
    const next = await locks.acquire('next')
    expect(idsOf(locks)).toEqual([2])
    await next.release()
    await world.clock.run(10_200)
    expect(idsOf(locks)).toEqual([])
  })
})

test('two hundred keys cause another session, and one less does not', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 4 })
  const names = Array.from({ length: 200 }, (_, i) => `key ${i}`)
  const held = await Promise.all(names.map((name) => locks.acquire(name)))
  await world.clock.run(10)
  expect(idsOf(locks)).toEqual([1])
  const one = await locks.acquire('one more')
  await world.clock.run(10)
  expect(idsOf(locks)).toEqual([1, 2])
  const next = await locks.acquire('on the new one')
  expect(locks.snapshot().sessions.map(({ keys }) => keys)).toEqual([201, 1])
  await Promise.all([...held, one, next].map((lock) => lock.release()))
})

test('no more sessions are opened than the pool leaves to locks', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 3 })
  const held: Lock[] = []
  for (const count of [200, 1, 400, 1, 1]) {
    const names = Array.from({ length: count }, (_, i) => `key ${held.length + i}`)
    held.push(...(await Promise.all(names.map((name) => locks.acquire(name)))))
    await world.clock.run(1)
  }
  expect(locks.snapshot().sessions.map(({ keys }) => keys)).toEqual([302, 301])
  await Promise.all(held.map((lock) => lock.release()))
})

test('a session that holds the only connection for a lock takes no more keys when a borrower waits', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 1 })
  const lock = await locks.acquire('first')
  const order: string[] = []
  const borrowing = locks.connections.connect()
  void borrowing.then(() => order.push('borrower'))
  await world.clock.run(1)
  const next = locks.acquire('next')
  void next.then(() => order.push('next key'))
  await world.clock.run(1000)
  expect(order).toEqual([])

  await lock.release()
  await world.clock.run(1)
  expect(order).toEqual(['borrower'])
  ;(await borrowing).release()
  await world.clock.run(1)
  expect(order).toEqual(['borrower', 'next key'])
  await (await next).release()
})

test('when the last entry that waits for a session gives up, the pool leaves the connection queue', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 1 })
  const borrowed = await locks.connections.connect()
  const callers = ['a', 'b'].map((key) => {
    const controller = new AbortController()
    return { controller, outcome: rejection(locks.acquire(key, { signal: controller.signal })) }
  })
  const waitingAfter = async (place: number): Promise<number> => {
    callers[place]!.controller.abort(new Error('changed its mind'))
    expect((await callers[place]!.outcome).message).toBe('changed its mind')
    await world.clock.run(1)
    return locks.snapshot().connections.waiting
  }
  await world.clock.run(1)
  expect(locks.snapshot().connections.waiting).toBe(1)
  expect([await waitingAfter(0), await waitingAfter(1)]).toEqual([1, 0])

  const next = locks.acquire('c')
  borrowed.release()
  await world.clock.run(1)
  expect((await next).state, 'who comes later is served').toBe('held')
  await (await next).release()
})

test('a caller that comes while the pool leaves the connection queue gets another place', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 1 })
  const borrowed = await locks.connections.connect()
  const controller = new AbortController()
  const gone = rejection(locks.acquire('a', { signal: controller.signal }))
  await world.clock.run(1)
  controller.abort(new Error('changed its mind'))
  const next = locks.acquire('b')
  await world.clock.run(1)
  await gone
  borrowed.release()
  await world.clock.run(1)
  expect((await next).state).toBe('held')
  await (await next).release()
})

test('ready() keeps its place when callers give up theirs', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 1, min: 0 })
  const borrowed = await locks.connections.connect()
  const controller = new AbortController()
  const gone = rejection(locks.acquire('a', { signal: controller.signal }))
  const ready = locks.ready()
  await world.clock.run(1)
  controller.abort(new Error('changed its mind'))
  await gone
  await world.clock.run(1)
  borrowed.release()
  await world.clock.run(1)
  expect(await stateOf(ready)).toBe('fulfilled')
  expect(idsOf(locks)).toEqual([1])
  await locks.ready()
  expect(idsOf(locks), 'one is enough').toEqual([1])
})

test('when the pool is closed, sessions with locks are lost, and sessions without are checked in', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 3 })
  const lost: string[] = []
  locks.on('session:lost', ({ reason }) => lost.push(reason))
  const lock = await locks.acquire('held')
  await Promise.all([locks.close({ graceMs: 0 }), world.clock.run(100)])
  expect(lock.state).toBe('lost')
  expect(lost).toEqual(['the pool was closed'])
  await expect(locks.ready()).rejects.toMatchObject({ code: 'POOL_CLOSED' })
})
