import { expect, test } from 'vitest'
import { Deferred } from '../../../../src/base/deferred.js'
import type { LockLink } from '../../../../src/dialect/dialect.js'
import { Agenda } from '../../../../src/lock/agenda/agenda.js'
import { leaseMargin } from '../../../../src/lock/session/session-lease.js'
import { Session } from '../../../../src/lock/session/session.js'
import { ManualClock, settle } from '../../../../src/testing/manual-clock.js'
import { fakeWorld } from '../../../support/fake-world.js'

const LEASE_MS = 3000
const OURS_MS = LEASE_MS - leaseMargin(LEASE_MS)

/** A session whose heartbeats get their answers from the test. */
function openSession() {
  const clock = new ManualClock()
  const beats: Deferred<void>[] = []
  const losses: string[] = []
  const link = {
    leaseMs: LEASE_MS,
    attachDelayMs: 0,
    noFencing: null,
    heartbeat: () => {
      const beat = new Deferred<void>()
      beats.push(beat)
      return beat.promise
    },
  } as unknown as LockLink
  const session = new Session(1, link, clock.instant(), {
    agenda: new Agenda(),
    clock,
    wants: { fencing: 'auto', strict: false },
    arrivals: 0,
    clientsOf: () => [],
    explain: (error) => error as never,
    moved: () => undefined,
    lost: (_, reason) => losses.push(reason),
    warn: () => undefined,
    tokensChanged: () => undefined,
  })
  session.start()
  return { clock, session, beats, losses }
}

test('of two heartbeats under way only the first is answered: the lease counts from when that was sent', async () => {
  const { clock, beats, losses } = openSession()
  await clock.run(LEASE_MS / 3)
  await clock.run(LEASE_MS / 3)
  expect(beats).toHaveLength(2)

  beats[0]!.resolve()
  await clock.run(LEASE_MS / 3 + OURS_MS - (2 * LEASE_MS) / 3 - 1)
  expect(losses).toEqual([])
  await clock.run(1)

  expect(losses).toHaveLength(1)
  expect(clock.armed).toBe(0)
})

test('an answer that comes after the lease has run out does not bring the session back', async () => {
  const { clock, session, beats, losses } = openSession()
  await clock.run(LEASE_MS / 3)
  clock.stall(OURS_MS)

  beats[0]!.resolve()
  await settle()
  session.verify()

  // The answer renews the lease from the time when the heartbeat was sent, and that is too long ago.
  expect(losses).toHaveLength(1)
  expect(session.state).toBe('closed')
})

test('a wall clock that is set back an hour changes nothing', async () => {
  const world = fakeWorld()
  const clock = new ManualClock()
  const locks = world.pool({ leaseMs: LEASE_MS }, clock)
  const lock = await locks.acquire('orders')

  clock.suspend(-3_600_000)
  for (let i = 0; i < 10; i++) await Promise.all([clock.run(1000), world.clock.run(1000)])

  expect(lock.state).toBe('held')
  // It does not make a lease longer either.
  clock.suspend(-3_600_000)
  clock.stall(OURS_MS + 1000)
  expect(lock.state).toBe('lost')
  await locks.close({ graceMs: 0 })
})

test('a wall clock that is set forward by more than the lease is taken for time that has passed', async () => {
  const world = fakeWorld()
  const clock = new ManualClock()
  const locks = world.pool({ leaseMs: LEASE_MS }, clock)
  const lock = await locks.acquire('orders')

  clock.suspend(3_600_000)

  expect(lock.state).toBe('lost')
  await locks.close({ graceMs: 0 })
})
