import { expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import { fakeWorld } from '../../../support/fake-world.js'
import { collect, collectInVain } from '../../../support/garbage.js'

const HERE = /leak-watch\.test\.ts/

interface Report {
  readonly event: string
  readonly key: string
  readonly heldMs: number
  readonly where: string
}

function reportsOf(locks: FakeLockPool): Report[] {
  const reports: Report[] = []
  for (const event of ['lock:overdue', 'lock:forgotten'] as const)
    locks.on(event, (report) => reports.push({ event, ...report }))
  return reports
}

test('a lock that is held for too long is reported once, with the place of its acquire', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leakWarningMs: 1000 })
  const reports = reportsOf(locks)
  const lock = await locks.acquire('orders')

  await world.clock.run(999)
  expect(reports).toEqual([])
  await world.clock.run(5000)

  expect(reports).toEqual([
    {
      event: 'lock:overdue',
      key: 'orders',
      mode: 'exclusive',
      heldMs: 1000,
      where: expect.stringMatching(HERE),
    },
  ])
  expect(reports[0]!.where.split('\n')[0], 'the caller comes first').toMatch(HERE)
  await lock.release()
})

test('however a lock is acquired, it is watched, and no longer than it is held', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leakWarningMs: 1000 })
  const reports = reportsOf(locks)
  const tried = await locks.tryAcquire('a')
  const group = await locks.acquireAll(['b', 'c'])
  let finish = (): void => undefined
  const body = locks.withLock('d', () => new Promise<void>((resolve) => (finish = resolve)))
  const released = await locks.acquire('e')
  await released.release()
  const lost = world.pool({ leakWarningMs: 1000 })
  reports.push(...reportsOf(lost))
  await lost.acquire('f')
  const [session] = lost.snapshot().sessions
  world.server.end(world.server.connection(session!.serverId))

  await world.clock.run(5000)

  expect(reports.map(({ key }) => key).toSorted()).toEqual(['a', 'b', 'c', 'd'])
  expect(reports.every(({ where }) => HERE.test(where.split('\n')[0]!))).toBe(true)
  finish()
  await Promise.all([tried!.release(), group.release(), body])
})

test('permits are watched as locks are, however they are acquired', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leakWarningMs: 1000 })
  const reports = reportsOf(locks)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((key) => locks.semaphore(key, 2))
  const permit = await a!.acquire()
  const tried = await b!.tryAcquire()
  let finish = (): void => undefined
  const body = c!.withPermit(() => new Promise<void>((resolve) => (finish = resolve)))
  await (await d!.acquire()).release()

  await world.clock.run(5000)

  expect(reports.map(({ key, event }) => `${event} ${key}`).toSorted()).toEqual([
    'lock:overdue a',
    'lock:overdue b',
    'lock:overdue c',
  ])
  expect(reports.every(({ where }) => HERE.test(where.split('\n')[0]!))).toBe(true)
  finish()
  await Promise.all([permit.release(), tried!.release(), body])
})

test('a permit that its holder has dropped is released and reported, and can be acquired again', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leakWarningMs: 60_000 })
  const reports = reportsOf(locks)
  const semaphore = locks.semaphore('licences', 2)
  await (async () => void (await semaphore.acquire()))()
  const kept = await semaphore.acquire()

  await collect(() => reports.length > 0)

  expect(reports).toMatchObject([{ event: 'lock:forgotten', key: 'licences' }])
  const again = await semaphore.tryAcquire()
  expect(new Set([again!.number, kept.number])).toEqual(new Set([1, 2]))
  expect([again!.state, again!.token > 0n, again!.signal.aborted]).toEqual(['held', true, false])
  await Promise.all([again!.release(), kept.release()])
  expect(locks.snapshot().held).toBe(0)
})

test('a borrowed connection that is kept for too long is reported once, and lock sessions are not', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leakWarningMs: 1000 })
  const reports: { id: number; heldMs: number; where: string }[] = []
  locks.connections.on('connection:overdue', (report) => reports.push(report))
  const lock = await locks.acquire('orders')
  const other = world.pool()
  const waiting = other.acquire('orders')
  const kept = await locks.connections.connect()
  const returned = await locks.connections.connect()
  returned.release()

  await world.clock.run(5000)

  expect(reports).toEqual([{ id: expect.any(Number), heldMs: 1000, where: expect.stringMatching(HERE) }])
  kept.release()
  await lock.release()
  await world.clock.run(2000)
  await (await waiting).release()
})

test('a lock that its holder has forgotten is released and reported', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leakWarningMs: 60_000 })
  const reports = reportsOf(locks)
  await (async () => void (await locks.acquire('forgotten')))()
  const kept = await locks.acquire('kept')
  const onlySignal = await (async () => (await locks.acquire('signal')).signal)()

  await collect(() => reports.length > 0)

  expect(reports).toEqual([
    {
      event: 'lock:forgotten',
      key: 'forgotten',
      mode: 'exclusive',
      heldMs: 0,
      where: expect.stringMatching(HERE),
    },
  ])
  expect(locks.snapshot().keys.map(({ key }) => key)).toEqual(['kept', 'signal'])
  expect(onlySignal.aborted).toBe(false)
  expect(kept.state).toBe('held')
})

test('without the option nothing is reported, and no lock of the program is released', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const reports = reportsOf(locks)
  await (async () => void (await locks.acquire('forgotten')))()

  await collectInVain()
  await world.clock.run(100_000)

  expect(reports).toEqual([])
  expect(locks.snapshot().held).toBe(1)
})

test('the proxy of a watched lock does everything that the lock does', async () => {
  const world = fakeWorld()
  const locks = world.pool({ leakWarningMs: 1000 })
  const lock = await locks.acquire('orders')

  expect([lock.key, lock.mode, lock.state, lock.tokenText]).toEqual([
    'orders',
    'exclusive',
    'held',
    String(lock.token),
  ])
  expect(lock.signal).toBe(lock.signal)
  await lock.guard({ query: () => Promise.reject(new Error('not asked')) })
  expect(lock.release()).toBe(lock.release())
  await lock.release()
  expect(lock.state).toBe('released')
  {
    await using again = await locks.acquire('orders')
    expect(again.state).toBe('held')
  }
  expect(locks.snapshot().held).toBe(0)
})
