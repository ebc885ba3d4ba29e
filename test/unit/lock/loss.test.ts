import { expect, test, vi } from 'vitest'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('when a session ends, each of its locks is lost, once', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const events: string[] = []
  locks.on('lock:lost', ({ key }) => events.push(key))
  const held = await Promise.all(['a', 'b', 'c'].map((key) => locks.acquire(key)))
  const aborts = held.map((lock) => {
    const listener = vi.fn()
    lock.signal.addEventListener('abort', listener)
    return listener
  })

  world.server.end([...world.server.connections][0]!)

  for (const [i, lock] of held.entries()) {
    expect(lock.state).toBe('lost')
    expect(aborts[i]).toHaveBeenCalledTimes(1)
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'its connection ended' })
    const error = await rejection(lock.release())
    expect(error).toBe(lock.signal.reason)
    expect(error.cause).toMatchObject({ message: 'terminated by the administrator' })
  }
  expect(events).toEqual(['a', 'b', 'c'])
  expect((await locks.acquire('a')).state, 'the pool goes on').toBe('held')
})

test('a session whose lease is over before its first use is dropped, and the pool opens another', async () => {
  const world = fakeWorld({ latencyMs: 10 })
  const locks = world.pool({ max: 2, leaseMs: 3000 })
  const acquired = locks.acquire('orders', { timeoutMs: Infinity })
  await world.clock.run(25)
  expect(world.server.connections.size, 'the settings are on their way').toBe(1)

  world.clock.stall(5000)
  await world.clock.run(1000)

  expect(await stateOf(acquired)).toBe('fulfilled')
  expect(locks.snapshot().sessions).toHaveLength(1)
})

test('other sessions keep their locks', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 3, maxHeldLocks: 10_000 })
  const held = await Promise.all(Array.from({ length: 600 }, (_, i) => locks.acquire(`key ${i}`)))
  await world.clock.run(10)
  held.push(...(await Promise.all(Array.from({ length: 600 }, (_, i) => locks.acquire(`more ${i}`)))))
  const [first, second] = locks.snapshot().sessions

  world.server.end(world.server.connection(first!.serverId))

  const lost = held.filter((lock) => lock.state === 'lost')
  expect(lost).toHaveLength(first!.keys)
  expect(held.length - lost.length).toBe(second!.keys)
  expect(second!.keys).toBeGreaterThan(100)
})

test('withLock rejects when the lock was lost, though the body succeeded', async () => {
  const world = fakeWorld()
  const locks = world.pool()

  const error = await rejection(
    locks.withLock('orders', () => {
      world.server.end([...world.server.connections][0]!)
      return 'done'
    }),
  )

  expect(error).toMatchObject({ code: 'LOCK_LOST' })
})

test("withLock passes the body's own error on when the lock was lost as well", async () => {
  const world = fakeWorld()
  const locks = world.pool()

  const error = await rejection(
    locks.withLock('orders', () => {
      world.server.end([...world.server.connections][0]!)
      throw new Error('mine')
    }),
  )

  expect(error.message).toBe('mine')
})

test('a signal that is asked for only after the loss is aborted', async () => {
  const world = fakeWorld()
  const lock = await world.pool().acquire('orders')

  world.server.end([...world.server.connections][0]!)

  expect(lock.signal.aborted).toBe(true)
  expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' })
})

test('a release whose answer never comes is reported as a loss, not as done', async () => {
  const world = fakeWorld()
  const lock = await world.pool().acquire('orders')
  const [connection] = [...world.server.connections]
  connection!.isMute = true

  const released = rejection(lock.release())
  await world.clock.run(10)
  world.server.end(connection!)

  expect(await released).toMatchObject({ code: 'LOCK_LOST' })
  expect(lock.state).toBe('lost')
})

test('an unlock that the server answers with no is a loss', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const lock = await locks.acquire('orders')
  const [connection] = [...world.server.connections]
  world.server.table.end(connection!.serverId)

  const error = await rejection(lock.release())

  expect(error).toMatchObject({ code: 'LOCK_LOST' })
  expect(error.message).toMatch(/not held/)
  expect((await locks.acquire('orders')).state).toBe('held')
})

test('waiters outlive the session they waited on, and are served by the next', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await world.clock.run(10)
  for (const { serverId } of b.snapshot().sessions) world.server.end(world.server.connection(serverId))
  await world.clock.run(10)

  expect(await stateOf(waiting)).toBe('pending')
  await held.release()
  await world.clock.run(10)

  expect((await waiting).state).toBe('held')
})

test('local waiters get the lock again, not the lost one', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const lost = await locks.acquire('orders')
  const next = locks.acquire('orders')

  world.server.end([...world.server.connections][0]!)
  const lock = await next

  expect(lost.state).toBe('lost')
  expect(lock.state).toBe('held')
  expect(lock.token).toBeGreaterThan(lost.token)
})

test('callers that waited through a restart of the server keep their place; newcomers learn the cause', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire('orders')
  const waiting = b.acquire('orders')
  const ends = rejection(b.acquire('orders', { timeoutMs: 1500 }))
  await world.clock.run(10)

  world.server.stop()
  await world.clock.run(100)
  expect(held.state).toBe('lost')
  const newcomer = await rejection(b.acquire('invoices'))
  expect(newcomer).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true })
  expect(newcomer.message).toMatch(/shutting down/)
  await world.clock.run(2000)
  expect(await ends).toMatchObject({
    code: 'LOCK_TIMEOUT',
    phase: 'connecting',
    cause: { code: 'CONNECTION_FAILED' },
  })
  expect(await stateOf(waiting)).toBe('pending')

  world.server.start()
  await world.clock.run(4000)
  expect((await waiting).state).toBe('held')
})

test('a process that is cut off declares its locks lost before the server frees them', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leaseMs: 10_000 })
  const lock = await locks.acquire('orders')
  const [connection] = [...world.server.connections]
  let freedAt = Infinity
  let lostAt = Infinity
  lock.signal.addEventListener('abort', () => (lostAt = world.clock.now()))
  connection!.isCutOff = true

  for (let i = 0; i < 200; i++) {
    await world.clock.run(100)
    if (world.server.table.size === 0) freedAt = Math.min(freedAt, world.clock.now())
  }

  expect(lostAt).toBeLessThan(freedAt)
  expect(freedAt - lostAt).toBeGreaterThanOrEqual(900)
  expect(lock.signal.reason.message).toMatch(/not heard of/)
})

test('heartbeats keep a lease alive: one small statement per session and a third of the lease', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leaseMs: 9000, max: 2 })
  const held = await Promise.all(Array.from({ length: 50 }, (_, i) => locks.acquire(`key ${i}`)))
  const before = world.server.statements

  await world.clock.run(60_000)

  expect(world.server.statements - before).toBe(20)
  expect(held.every((lock) => lock.state === 'held')).toBe(true)
})

test('after a suspend longer than the lease, the first look says lost: timers have not even run', async () => {
  const world = fakeWorld()
  const own = new ManualClock()
  const locks = world.pool({ leaseMs: 10_000 }, own)
  const lock = await locks.acquire('orders')
  const next = locks.acquire('orders')

  own.suspend(9500)

  expect(lock.state).toBe('lost')
  expect(lock.signal.aborted).toBe(true)
  await rejection(lock.release())
  await own.run(100)
  expect((await next).token).toBeGreaterThan(lock.token)
  await end(locks, own)
})

test('a stalled event loop is survived if the lease is', async () => {
  const world = fakeWorld()
  const own = new ManualClock()
  const locks = world.pool({ leaseMs: 10_000 }, own)
  const lock = await locks.acquire('orders')

  own.stall(6000)

  expect(lock.state).toBe('held')
  await own.run(20_000)
  expect(lock.state).toBe('held')
  await lock.release()
  await end(locks, own)
})

test('a lock is not handed to a local waiter on a lease that has run out', async () => {
  const world = fakeWorld()
  const own = new ManualClock()
  const locks = world.pool({ leaseMs: 10_000 }, own)
  const lock = await locks.acquire('orders')
  const next = locks.acquire('orders')
  own.suspend(9500)

  await rejection(lock.release())

  await own.run(100)
  expect((await next).state).toBe('held')
  expect(locks.snapshot().counters).toMatchObject({ handedOff: 0, lost: 1 })
  await end(locks, own)
})

test('a stall longer than a turn asks the server before the lock is passed on', async () => {
  const world = fakeWorld()
  const own = new ManualClock()
  const locks = world.pool({ leaseMs: 10_000 }, own)
  const lock = await locks.acquire('orders')
  const next = locks.acquire('orders')
  own.stall(9500)

  await lock.release()

  expect((await next).token, 'the server says it is still ours, with a token of its own').toBe(
    lock.token + 1024n,
  )
  await end(locks, own)
})

async function end(
  locks: { close(options: { graceMs: number }): Promise<void> },
  clock: ManualClock,
): Promise<void> {
  const closing = locks.close({ graceMs: 0 })
  await clock.run(5000)
  await closing
}
