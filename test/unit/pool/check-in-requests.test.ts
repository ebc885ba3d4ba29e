/** Which borrowers a pool asks for a connection, which callers wait, and how old connections end. */
import { describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../../src/base/clock.js'
import { ConnectionPool } from '../../../src/pool/connection-pool.js'
import { ManualClock, settle } from '../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { rejection, stateOf } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'
import { StubFactory } from '../../support/stub-factory.js'

const poolOf = poolWorld()

describe('borrowers that are asked for a connection', () => {
  test('an ordinary caller displaces no reserved caller, and a reserved one displaces at most one', async () => {
    const { pool } = poolOf({ max: 4, reserved: 1 })
    const asked: string[] = []
    const holder = (name: string, gives: boolean, reserved = false): Promise<{ release(): void }> =>
      pool.connect({ reserved, onWanted: () => (asked.push(name), gives) })
    const leases = [
      await holder('reserved', true, true),
      await pool.connect(),
      await holder('keeps', false),
      await holder('gives', true),
    ]
    const waiting = pool.connect()
    await settle()
    expect(asked).toEqual(['keeps', 'gives'])

    for (const lease of leases) lease.release()
    ;(await waiting).release()
  })

  test('a reserved caller displaces any borrower', async () => {
    const { pool } = poolOf({ max: 2, reserved: 1 })
    const asked: string[] = []
    const leases = [
      await pool.connect({ reserved: true, onWanted: () => (asked.push('reserved'), false) }),
      await pool.connect({ onWanted: () => (asked.push('ordinary'), false) }),
    ]
    const waiting = pool.connect({ reserved: true })
    await settle()
    expect(asked).toEqual(['reserved', 'ordinary'])

    for (const lease of leases) lease.release()
    ;(await waiting).release()
  })

  test('no borrower while a connection is on its way', async () => {
    const { pool, factory } = poolOf({ max: 2 })
    const asked: string[] = []
    const lease = await pool.connect({ onWanted: () => (asked.push('asked'), false) })
    factory.isSlow = true
    const waiting = pool.connect()
    await settle()
    expect(asked).toEqual([])

    factory.attempts[1]!.done.resolve()
    ;(await waiting).release()
    lease.release()
  })
})

describe('a caller that would have to wait gets an answer at once, if its policy says so', () => {
  const fail = { onExhausted: 'fail' } as const

  test('an ordinary caller where only reserved ones are left; not one who may have them', async () => {
    const { pool } = poolOf({ ...fail, max: 2, reserved: 1, min: 2 })
    await pool.ready()
    const lease = await pool.connect()
    expect(await rejection(pool.connect())).toMatchObject({ code: 'POOL_EXHAUSTED' })

    const reserved = await pool.connect({ reserved: true })
    expect(await rejection(pool.connect({ reserved: true }))).toMatchObject({ code: 'POOL_EXHAUSTED' })
    reserved.release()
    lease.release()
  })

  test('not where there is room to open another', async () => {
    const { pool } = poolOf({ ...fail, max: 3 })
    const leases = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    expect(await rejection(pool.connect())).toMatchObject({ code: 'POOL_EXHAUSTED' })
    for (const lease of leases) lease.release()
  })

  test('not while what came back is cleaned', async () => {
    const { pool, factory } = poolOf({ ...fail, max: 1 })
    let cleaned: (found: readonly string[]) => void = () => undefined
    factory.cleaning = () => new Promise((resolve) => (cleaned = resolve))
    ;(await pool.connect()).release()
    const waiting = pool.connect()
    expect(await stateOf(waiting)).toBe('pending')
    expect(await rejection(pool.connect()), 'it is one, and spoken for').toMatchObject({
      code: 'POOL_EXHAUSTED',
    })

    cleaned([])
    factory.cleaning = null
    ;(await waiting).release()
  })

  test('not while there are as many to be checked as wait', async () => {
    const { pool, clock, factory } = poolOf({ ...fail, max: 2, checkAfterIdleMs: 10 })
    for (const lease of await Promise.all([pool.connect(), pool.connect()])) lease.release()
    await clock.run(100)
    let good = (): void => undefined
    factory.checking = () => new Promise((resolve) => (good = resolve))
    const first = pool.connect()
    const second = pool.connect()
    expect([await stateOf(first), await stateOf(second)]).toEqual(['pending', 'pending'])
    factory.checking = () => Promise.resolve()
    good()
    ;(await first).release()
    ;(await second).release()
  })

  test('a wait with several attempts has one time limit', async () => {
    const { pool, clock, factory } = poolOf({
      max: 1,
      acquireTimeoutMs: 100,
      onExhausted: { retry: { attempts: 3, backoffMs: 40 } },
    })
    await clock.run(500)
    const lease = await pool.connect()
    const late = rejection(pool.connect())
    await clock.run(30)
    factory.isSlow = true
    lease.release(true)
    await clock.run(69)
    expect(await stateOf(late)).toBe('pending')
    await clock.run(1)

    expect(await late).toMatchObject({ code: 'LOCK_TIMEOUT', waitedMs: 100 })
    factory.attempts[1]!.done.resolve()
    await settle()
  })
})

describe('the server is down', () => {
  test('a caller waits as long as a borrower may check in its connection', async () => {
    const { pool, factory } = poolOf({ max: 2 })
    const lease = await pool.connect()
    factory.failure = new Error('down')
    const first = pool.connect()
    await settle()
    const second = pool.connect()
    expect([await stateOf(first), await stateOf(second)]).toEqual(['pending', 'pending'])

    lease.release()
    ;(await first).release()
    ;(await second).release()
  })

  test.each([true, false])(
    'looking for it does not keep the process if idling does not: %s',
    async (allowExitOnIdle) => {
      const clock = new ManualClock()
      const after = vi.spyOn(clock as Clock, 'after')
      const factory = new StubFactory()
      factory.failure = new Error('down')
      const pool = new ConnectionPool(
        factory,
        { min: 1, allowExitOnIdle },
        { clock, random: new SeededRandom(1) },
      )
      await settle()

      expect(after.mock.calls.at(-1)![2]).toBe(!allowExitOnIdle)
      await pool.close({ graceMs: 0 })
    },
  )

  test('one look at a time, and none without a failure', async () => {
    const { pool, clock, factory } = poolOf({ min: 2, max: 2, openAtStart: false })
    factory.failure = new Error('down')
    await rejection(pool.ready())
    const armed = clock.armed
    for (let i = 0; i < 3; i++) await rejection(pool.connect())
    expect(clock.armed).toBe(armed)

    factory.failure = null
    await clock.run(3000)
    expect(pool.counts()).toMatchObject({ idle: 2, opening: 0 })
  })
})

describe('ready', () => {
  test('is refused by a pool that is closed, and is nothing to wait for where min is there', async () => {
    const { pool, factory } = poolOf({ min: 1, max: 1 })
    await pool.ready()
    const lease = await pool.connect()
    expect(await stateOf(pool.ready())).toBe('fulfilled')
    expect(factory.attempts).toHaveLength(1)
    lease.release()

    await pool.close()
    expect(await rejection(pool.ready())).toMatchObject({ code: 'POOL_CLOSED' })
  })
})

describe('an old connection', () => {
  const rules = { maxLifetimeMs: 10_000, idleTimeoutMs: Infinity, checkAfterIdleMs: Infinity }
  /**
   * An age between the end of a connection's lifetime, which is shorter by a random part, and `maxLifetimeMs`, after which it
   * is not used any more.
   */
  const OLD = 9950

  test.each([
    ['where others are enough', { min: 1, max: 3 }, 2, OLD],
    ['where there is no room for another beside it', { min: 1, max: 1 }, 1, OLD],
    ['when it comes back after its time', { min: 1, max: 2 }, 1, 10_001],
  ])('is closed as it comes back %s', async (_, size, count, after) => {
    const { pool, clock, factory } = poolOf({ ...rules, ...size })
    const leases = await Promise.all(Array.from({ length: count }, () => pool.connect()))
    const closed: unknown[] = []
    pool.on('connection:closed', (event) => closed.push(event))
    factory.isSlow = true
    await clock.run(after)
    expect(pool.expiredCount).toBe(count)

    leases[0]!.release()

    expect(closed).toEqual([{ id: leases[0]!.id === 1 ? 1 : 2, reason: 'old' }])
    for (const lease of leases) lease.release(true)
    for (const { done } of factory.attempts) done.resolve()
    await settle()
  })

  test('that is kept for want of another is closed when its time is over', async () => {
    const { pool, clock, factory } = poolOf({ ...rules, min: 1, max: 2 })
    const lease = await pool.connect()
    factory.failure = new Error('down')
    await clock.run(OLD)
    lease.release()
    expect(pool.counts()).toMatchObject({ idle: 1, closed: 0 })
    expect(pool.expiredCount, 'only what is out').toBe(0)

    await clock.run(10_000 - OLD)
    expect(pool.counts()).toMatchObject({ idle: 0, closed: 1 })
  })

  test('that idles where there is no room for another goes when it is old', async () => {
    const { pool, clock } = poolOf({ ...rules, min: 1, max: 1 })
    await pool.ready()
    await clock.run(OLD)

    expect(pool.counts()).toMatchObject({ opened: 2, closed: 1, total: 1 })
  })
})
