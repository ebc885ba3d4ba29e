import type { FakeLockPool } from '../../../src/fake-lock-pool.js'
import { expect, test, vi } from 'vitest'
import { fakeWorld, rejection, stateOf } from '../../support/fake-world.js'

test('listeners get events in their own words', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool()]
  const told: string[] = []
  a.on('session:opened', ({ session, serverId }) => told.push(`opened ${session} ${serverId}`))
  a.on('lock:acquired', ({ key, mode, waitedMs }) => told.push(`acquired ${key} ${mode} ${waitedMs}`))
  a.on('lock:released', ({ key, heldMs }) => told.push(`released ${key} ${heldMs}`))
  a.on('waiter:queued', ({ key, mode }) => told.push(`queued ${key} ${mode}`))
  a.on('waiter:left', ({ key, granted }) => told.push(`left ${key} ${granted}`))
  const taken = await b.acquire('b')

  const lock = await a.acquire('a')
  const next = a.acquire('a', { mode: 'shared' })
  const never = rejection(a.acquire('b', { timeoutMs: 100 }))
  await world.clock.run(100)
  await never
  await lock.release()
  await (await next).release()
  await taken.release()

  expect(told).toEqual([
    'opened 1 2',
    'left a true',
    'acquired a exclusive 0',
    'queued a shared',
    'queued b exclusive',
    'left b false',
    'released a 100',
    'left a true',
    'acquired a shared 100',
    'released a 0',
  ])
})

test('a listener may call back into the pool', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const seen: unknown[] = []
  locks.on('lock:acquired', ({ key }) => {
    if (key === 'a') void locks.tryAcquire('a').then((lock) => seen.push(lock))
  })
  locks.on('lock:lost', () => {
    locks.acquire('b').then(
      (again) => seen.push(again.key),
      () => undefined,
    )
  })

  const lock = await locks.acquire('a')
  lock.signal.addEventListener(
    'abort',
    () => void lock.release().catch((error: { code: string }) => seen.push(error.code)),
  )
  world.server.end([...world.server.connections][0]!)
  await world.clock.run(100)

  expect(seen).toEqual([null, 'LOCK_LOST', 'b'])
})

test.each([
  ['lock', (pool: FakeLockPool) => pool.acquire('orders')],
  ['semaphore', (pool: FakeLockPool) => pool.semaphore('orders', 1).acquire()],
] as const)('a listener that hears of an idle session may ask for the same %s again', async (_, acquire) => {
  const pool = fakeWorld().pool()
  const first = await acquire(pool)
  let again: Promise<{ release(): Promise<void> }> | null = null
  pool.on('session:moved', ({ to }) => {
    if (to === 'idle') again ??= acquire(pool)
  })

  await first.release()
  await (await again!).release()
})

test('a snapshot is plain JSON, and knows who holds and who waits', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool({ min: 0 }), world.pool()]
  const held = await a.acquire('orders')
  const waiting = [a.acquire('orders', { mode: 'shared' }), b.acquire('orders')]
  await world.clock.run(40)

  const mine = JSON.parse(JSON.stringify(a.snapshot()))
  const theirs = b.snapshot()

  expect(mine).toMatchObject({
    version: 1,
    state: 'open',
    connections: { min: 0, max: 5, total: 1, leased: 1 },
    held: 1,
    waiting: 1,
    sessions: [{ id: 1, state: 'holding', keys: 1 }],
    keys: [
      {
        key: 'orders',
        state: 'held',
        mode: 'exclusive',
        session: 1,
        holders: [{ heldMs: 40, token: '1024' }],
        waiters: [{ mode: 'shared', waitedMs: 40 }],
      },
    ],
  })
  expect(theirs).toMatchObject({
    listener: 'listening',
    held: 0,
    waiting: 1,
    keys: [{ state: 'waiting', holders: [] }],
  })
  await held.release()
  await world.clock.run(100)
  const served = Promise.all(waiting.map(async (each) => (await each).release()))
  await world.clock.run(200)
  await served
})

test('options of a lock pool are checked all at once', () => {
  const world = fakeWorld()

  expect(() =>
    world.pool({ max: 0, leaseMs: 0.4, fencing: 'on', strickt: true, namespace: 'a\0b' } as never),
  ).toThrowError(
    expect.objectContaining({
      code: 'INVALID_OPTION',
      problems: [
        'unknown option "strickt"',
        '"max" must be an integer from 1 to 1000, got 0',
        '"leaseMs" must be an integer from 1000 to 86400000, got 0.4',
        '"namespace" must be a string of at most 200 characters without NUL, got "a\\u0000b"',
        '"fencing" must be "auto" or "off", got "on"',
      ],
    }),
  )
  expect(() => world.pool({ min: 3, max: 2 })).toThrowError('"min" (3) is more than "max" (2)')
})

test('borrowers and sessions leave room for each other', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 3 })
  const leases = await Promise.all([locks.connections.connect(), locks.connections.connect()])
  const third = locks.connections.connect()

  expect((await locks.acquire('orders')).state, 'a place is kept for sessions').toBe('held')
  expect(await stateOf(third)).toBe('pending')
  leases.forEach((lease) => lease.release())
  ;(await third).release()
  expect(world.server.connections.size).toBe(3)
})

test('with one connection for all, borrowers and locks take turns', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 1 })
  const lock = await locks.acquire('orders')
  const borrowing = locks.connections.connect()
  await world.clock.run(10)
  const behind = locks.acquire('invoices')
  expect(await stateOf(borrowing)).toBe('pending')

  await lock.release()
  const lease = await borrowing
  expect(await stateOf(behind)).toBe('pending')
  lease.release()

  expect((await behind).state).toBe('held')
  expect(world.server.connections.size).toBe(1)
})

test('the listener gives up its connection to a caller that needs it, and waiting callers poll', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool(), world.pool({ max: 2 })]
  const held = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await world.clock.run(40)
  expect(b.snapshot().listener).toBe('listening')

  const borrowing = b.connections.connect()
  // Messages take no time here, and no timer delays the hand-over.
  expect(await stateOf(borrowing)).toBe('fulfilled')
  const lease = await borrowing
  expect(b.snapshot().listener).toBe('polling')
  await held.release()
  await world.clock.run(200)
  expect((await waiting).state).toBe('held')
  lease.release()
})

test('sessions and the listener are checked in after a while without use', async () => {
  const world = fakeWorld()
  const [a, b] = [world.pool({ idleTimeoutMs: 10_000, min: 0 }), world.pool()]
  const held = await b.acquire('orders')
  const waiting = rejection(a.acquire('orders', { timeoutMs: 100 }))
  await world.clock.run(200)
  await waiting
  expect(a.snapshot()).toMatchObject({ listener: 'listening', sessions: [{ state: 'idle' }] })

  await world.clock.run(60_000)

  expect(a.snapshot()).toMatchObject({ listener: 'off', sessions: [], connections: { total: 0 } })
  await held.release()
})

test('a warning tells what went wrong in the background', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const warned = vi.fn()
  locks.on('warning', warned)
  await locks.ready()
  world.server.failNextBatch(0, new Error('strange'))

  await rejection(locks.acquire('orders'))

  expect(warned).toHaveBeenCalledWith(
    expect.objectContaining({ message: 'a batch of lock operations failed' }),
  )
})
