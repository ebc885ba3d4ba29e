/** The events of a pool about its connections. */
import { describe, expect, test } from 'vitest'
import { PoolClosedError } from '../../../src/base/errors.js'
import { ConnectionPool } from '../../../src/pool/connection-pool.js'
import type { PoolEvents } from '../../../src/pool/pool-events.js'
import { ManualClock, settle } from '../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { rejection } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'
import { StubFactory, WrappingFactory, type Stub } from '../../support/stub-factory.js'

const poolOf = poolWorld()

/** All events of a pool with this name. */
function eventsOf<Name extends keyof PoolEvents>(pool: ConnectionPool<Stub>, name: Name): PoolEvents[Name][] {
  const events: PoolEvents[Name][] = []
  pool.on(name, (event) => events.push(event))
  return events
}

describe('reports', () => {
  test('how long opening, waiting and a checkout took', async () => {
    const { pool, clock, factory } = poolOf({ max: 1 })
    const [opened, checkedOut, returned] = [
      eventsOf(pool, 'connection:opened'),
      eventsOf(pool, 'connection:checked-out'),
      eventsOf(pool, 'connection:checked-in'),
    ]
    await clock.run(1000)
    factory.isSlow = true
    const first = pool.connect()
    await clock.run(30)
    factory.attempts[0]!.done.resolve()
    await settle()
    const second = pool.connect()
    await clock.run(12)
    ;(await first).release()
    ;(await second).release()

    expect(opened).toEqual([{ id: 1, tookMs: 30 }])
    expect(checkedOut.map(({ waitedMs }) => waitedMs)).toEqual([30, 12])
    expect(returned.map(({ heldMs }) => heldMs)).toEqual([12, 0])
    expect(pool.counts()).toMatchObject({ leases: 2, opened: 1, failed: 0 })
  })

  test('why a connection was closed, with the error if there was one', async () => {
    const { pool } = poolOf({ max: 1 })
    const closed = eventsOf(pool, 'connection:closed')
    const broken = new Error('broken')
    for (const destroy of [true, broken, 'yes' as unknown as boolean]) (await pool.connect()).release(destroy)
    await settle()

    expect(closed).toStrictEqual([
      { id: 1, reason: 'released as broken' },
      { id: 2, reason: 'released as broken', error: broken },
      { id: 3, reason: 'released as broken' },
    ])
  })

  test('that opening failed, with the error as it was if it is one of ours', async () => {
    const { pool, clock, factory } = poolOf({ max: 1 })
    const failed = eventsOf(pool, 'connection:failed')
    factory.failure = new PoolClosedError()
    expect(await rejection(pool.connect())).toBe(factory.failure)
    await clock.run(10_000)
    factory.failure = new Error('down')
    expect(await rejection(pool.connect())).toMatchObject({ code: 'CONNECTION_FAILED', message: 'down' })

    expect(failed).toEqual([{ error: expect.any(PoolClosedError) }, { error: expect.any(Error) }])
    expect(pool.counts().failed).toBe(2)
    expect(pool.openingTrouble).toMatchObject({ message: 'down' })
  })

  test('of a connection that is out for too long', async () => {
    const { pool, clock } = poolOf({ max: 1, leakWarningMs: 500 }, new WrappingFactory())
    const overdue = eventsOf(pool, 'connection:overdue')
    await clock.run(1000)
    const lease = await pool.connect()
    await clock.run(2000)
    lease.release()
    const short = await pool.connect()
    await clock.run(400)
    short.release()
    await clock.run(1000)

    expect(overdue).toEqual([{ id: 1, heldMs: 500, where: expect.stringContaining('pool-events.test') }])
  })

  test('an end while it is being looked at is one end', async () => {
    const { pool, clock, factory } = poolOf({ max: 1, checkAfterIdleMs: 10 })
    ;(await pool.connect()).release()
    await clock.run(100)
    const closed = eventsOf(pool, 'connection:closed')
    let fail: (error: Error) => void = () => undefined
    factory.checking = () => new Promise((_, reject) => (fail = reject))
    const waiting = pool.connect()
    factory.end(factory.opened[0]!)
    fail(new Error('late'))
    ;(await waiting).release()

    expect(closed.map(({ reason }) => reason)).toEqual(['ended by itself'])
  })

  test('an end that is confirmed after its time is one end', async () => {
    const factory = new StubFactory()
    let closed = (): void => undefined
    factory.closing = new Promise((resolve) => (closed = resolve))
    const { pool, clock } = poolOf({ max: 1, closeTimeoutMs: 100 }, factory)
    ;(await pool.connect()).release(true)
    await clock.run(100)
    closed()
    await settle()

    expect(pool.counts()).toMatchObject({ closed: 1, total: 0 })
    expect(factory.destroyed).toHaveLength(1)
  })

  test('that one ended which had been of use for a while is no failure to open one', async () => {
    const { pool, clock, factory } = poolOf({ min: 1, max: 1 })
    const failed = eventsOf(pool, 'connection:failed')
    for (let i = 0; i < 5; i++) {
      await pool.ready()
      await clock.run(5000)
      factory.end(factory.opened.at(-1)!)
      await settle()
    }

    expect(failed).toEqual([])
  })

  test('the third in a row that ends at once is a failure, and ends far between are not in a row', async () => {
    const { pool, clock, factory } = poolOf({ min: 1, max: 1 })
    const failed = eventsOf(pool, 'connection:failed')
    const endLast = async (): Promise<void> => {
      factory.end(factory.opened.at(-1)!)
      await settle()
    }
    await pool.ready()
    await endLast()
    await clock.run(5000)
    // This connection has existed for a while. Its replacements have not.
    for (let i = 0; i < 3; i++) await endLast()
    expect(failed).toEqual([])

    await endLast()
    expect(failed).toEqual([
      { error: expect.objectContaining({ message: expect.stringContaining('as soon as') }) },
    ])
    await clock.run(5000)
  })
})

test('subclasses learn of ends and of checkouts', async () => {
  const seen: unknown[] = []
  class ReportingPool extends ConnectionPool<Stub> {
    protected override connectionEnded({ id }: Stub, { message }: Error): void {
      seen.push(['ended', id, message])
    }
    protected override connectionGone({ id }: Stub): void {
      seen.push(['gone', id])
    }
    protected override checkoutEnded(isAsked: boolean): void {
      seen.push(['checkout', isAsked])
    }
  }
  const factory = new StubFactory()
  const pool = new ReportingPool(
    factory,
    { max: 3, reserved: 1 },
    { clock: new ManualClock(), random: new SeededRandom(1) },
  )
  ;(await pool.connect()).release()
  ;(await pool.connect({ reserved: true })).release()
  ;(await pool.connect({ onWanted: () => false })).release()
  factory.end(factory.opened[0]!)
  await pool.close({ graceMs: 0 })

  expect(seen).toEqual([
    ['checkout', false],
    ['checkout', true],
    ['checkout', true],
    ['ended', 1, 'the server has gone'],
    ['gone', 1],
  ])
  expect([pool instanceof ConnectionPool, pool.isClosed]).toEqual([true, true])
  for (const other of [null, 5, {}]) expect(other instanceof ConnectionPool).toBe(false)
  expect(new ConnectionPool(factory, {}, { clock: new ManualClock() }) instanceof ReportingPool).toBe(false)
})
