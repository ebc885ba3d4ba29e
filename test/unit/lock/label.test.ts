import { expect, test } from 'vitest'
import { sessionReports } from '../../../src/lock/records/session-reports.js'
import { fakeWorld, rejection } from '../../support/fake-world.js'

test('a label appears on the lock, and in the snapshot with its holder or waiter', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const lock = await locks.acquire('month end', { label: 'closing November' })
  const waiting = locks.acquire('month end', { label: 'closing December', timeoutMs: Infinity })
  await locks.acquire('other')

  expect(lock.label).toBe('closing November')
  const [first, other] = locks.snapshot().keys
  expect(first).toMatchObject({
    holders: [{ label: 'closing November' }],
    waiters: [{ label: 'closing December', isStandby: false }],
  })
  expect(other).toMatchObject({ holders: [{ label: null }] })
  // The hand-off does not ask the server. The lock has the label of its next holder.
  await lock.release()
  expect((await waiting).label).toBe('closing December')
})

test('every way to a lock or a permit takes one', async () => {
  const locks = fakeWorld().pool()
  const group = await locks.acquireAll(['a', 'b'], { label: 'both' })
  expect(group.locks.map(({ label }) => label)).toEqual(['both', 'both'])
  expect((await locks.tryAcquire('c', { label: 'one attempt' }))!.label).toBe('one attempt')
  expect(await locks.withLock('d', { label: 'a body' }, ({ label }) => label)).toBe('a body')
  const seats = locks.semaphore('seats', 2)
  expect((await seats.acquire({ label: 'a seat' })).label).toBe('a seat')
  expect((await seats.tryAcquire({ label: 'another' }))!.label).toBe('another')
  expect(locks.snapshot().semaphores[0]!.holders.map(({ label }) => label)).toEqual(['a seat', 'another'])
  expect((await locks.acquire('e', { label: '' })).label).toBeNull()
  expect((await locks.acquire('f')).label).toBeNull()
})

test.each([
  ['too long', 'x'.repeat(201), /"label" must be a string of at most 200 characters, got 201 characters/],
  ['no text', 7 as never, /"label" must be a string of at most 200 characters, got 7/],
])('a label that is %s is refused, and nothing is taken', async (_, label, message) => {
  const locks = fakeWorld().pool()
  const error = await rejection(locks.acquire('orders', { label }))
  expect(error).toMatchObject({ code: 'INVALID_OPTION' })
  expect(error.message).toMatch(message)
  expect((await rejection(locks.semaphore('s', 1).acquire({ label }))).message).toMatch(message)
  expect(locks.snapshot().held).toBe(0)
})

test('a candidate is named, and may wait forever', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  await locks.acquire('leadership')
  const campaign = locks.campaign('leadership', { name: 'web-3' })
  await world.clock.run(10)
  expect(locks.snapshot().keys[0]!.waiters).toMatchObject([{ label: 'web-3', isStandby: true }])
  void campaign.resign()
})

test('a report has what is old enough, the oldest reader of a key, and no candidates', () => {
  const session = { link: { serverId: 4711 } } as never
  const lock = (sinceMs: number, label: string | null, place = 0) =>
    ({ label, place, heldMsAt: (now: number) => now - sinceMs }) as never
  const waiter = (since: number, purpose: string | null, isStandby = false) =>
    ({ since, purpose, isStandby }) as never
  const [report, ...more] = sessionReports(
    {
      now: 10_000,
      sessions: [session],
      locks: [
        { session, key: { id: 'readers' }, holders: [lock(5000, 'late'), lock(1000, 'early')], queue: [] },
        { session, key: { id: 'young' }, holders: [lock(9500, null)], queue: [waiter(9000, null)] },
        {
          ...{ session, key: { id: 'wanted' }, holders: [] },
          queue: [waiter(100, 'candidate', true), waiter(3000, 'second'), waiter(2000, 'first')],
        },
        { session: null, key: { id: 'homeless' }, holders: [], queue: [waiter(0, null)] },
      ],
      semaphores: [
        {
          ...{ session, holders: [lock(0, 'a seat', 2)], queue: [waiter(0, null)] },
          semaphore: { key: { id: 's' }, slot: (number) => ({ id: `slot ${number}` }) },
        },
      ],
    },
    2000,
  )
  expect(more).toEqual([])
  expect(report).toMatchObject({ serverId: 4711, completeFromMs: 2000, process: { id: process.pid } })
  expect([...report!.holds]).toEqual([
    ['readers', { heldMs: 9000, label: 'early' }],
    ['slot 2', { heldMs: 10_000, label: 'a seat' }],
  ])
  expect([...report!.waits]).toEqual([
    ['wanted', { waitedMs: 8000, label: 'first', callers: 2 }],
    ['s', { waitedMs: 10_000, label: null, callers: 1 }],
  ])
})
