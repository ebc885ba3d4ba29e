import { describe, expect, test } from 'vitest'
import { settle } from '../../../src/testing/manual-clock.js'
import { rejection, stateOf } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'
import { StubFactory } from '../../support/stub-factory.js'

const poolOf = poolWorld()

describe('a failure that is over', () => {
  test.each([0, 1])('refuses no caller, however many come at once (min %i)', async (min) => {
    const { pool, clock, factory } = poolOf({ min, max: 5, openAtStart: false })
    factory.failure = new Error('a blip')
    await rejection(pool.connect())
    factory.failure = null
    await clock.run(8000)

    const leases = await Promise.all(Array.from({ length: 6 }, () => pool.use(({ id }) => id)))

    expect(leases).toHaveLength(6)
  })

  test('refuses no caller while the check is under way, and all callers with its result', async () => {
    const { pool, clock, factory } = poolOf({ max: 5 })
    factory.failure = new Error('the first')
    await rejection(pool.connect())
    await clock.run(8000)
    factory.isSlow = true
    const waiting = [pool.connect(), pool.connect(), pool.connect()]
    for (const each of waiting) expect(await stateOf(each)).toBe('pending')
    expect(factory.attempts, 'one finds out for all').toHaveLength(2)

    factory.failure = new Error('the second')
    factory.attempts[1]!.done.resolve()

    for (const each of waiting) expect(await rejection(each)).toMatchObject({ message: 'the second' })
  })

  test('is reported at once only while no attempt is under way', async () => {
    const { pool, factory } = poolOf({ max: 5 })
    factory.isSlow = true
    const first = pool.connect()
    const second = pool.connect()
    await settle()
    factory.failure = new Error('one of two')
    factory.attempts[0]!.done.resolve()
    await settle()
    const third = pool.connect()
    expect(await stateOf(third), 'the other attempt may succeed').toBe('pending')

    factory.failure = null
    factory.attempts[1]!.done.resolve()
    ;(await first).release()
    ;(await second).release()
    ;(await third).release()
  })
})

describe('the error of a caller whose time is up', () => {
  test('that the server is silent, if an attempt has no answer', async () => {
    const { pool, clock, factory } = poolOf({ max: 3, acquireTimeoutMs: 200 })
    factory.isSlow = true
    const outcome = rejection(pool.connect())
    await clock.run(200)

    expect(await outcome).toMatchObject({
      code: 'LOCK_TIMEOUT',
      phase: 'connecting',
      cause: { code: 'CONNECTION_FAILED', message: expect.stringContaining('200 ms') },
    })
  })

  test('that others have all connections, also if an attempt has just begun', async () => {
    const { pool, clock, factory } = poolOf({ max: 2, acquireTimeoutMs: 200 })
    const [first] = await Promise.all([pool.connect(), pool.connect()])
    const outcome = rejection(pool.connect())
    await clock.run(190)
    factory.isSlow = true
    first.release(true)
    await clock.run(10)

    const error = await outcome
    expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'queueing' })
    expect(error.cause).toBeUndefined()
  })

  test('the same after a request to poll again', async () => {
    const onExhausted = { retry: { attempts: 9, backoffMs: 60 } }
    const { pool, clock, factory } = poolOf({ max: 1, acquireTimeoutMs: 200, onExhausted })
    factory.isSlow = true
    const opening = rejection(pool.connect())
    const looking = rejection(pool.connect())
    await clock.run(200)

    for (const each of [opening, looking])
      expect(await each).toMatchObject({
        code: 'LOCK_TIMEOUT',
        phase: 'connecting',
        cause: expect.any(Error),
      })
    expect(pool.counts().timeouts).toBe(2)
  })
})

test('connections that end as soon as they are open are no reason to open without a pause', async () => {
  const factory = new StubFactory()
  factory.stillborn = Infinity
  const { pool, clock } = poolOf({ min: 1, max: 4, acquireTimeoutMs: 60_000 }, factory)

  const outcome = rejection(pool.connect())
  await clock.run(10_000)

  expect(await outcome).toMatchObject({
    code: 'CONNECTION_FAILED',
    cause: { message: 'the server has gone' },
  })
  expect(factory.attempts.length, 'at most two a second').toBeLessThanOrEqual(24)
  factory.stillborn = 0
  await clock.run(2000)
  ;(await pool.connect()).release()
})

test('the end of one that came too late has a deadline as well', async () => {
  const factory = new StubFactory()
  factory.isSlow = true
  factory.closing = new Promise(() => undefined)
  const { pool, clock } = poolOf({ connectTimeoutMs: 100, closeTimeoutMs: 300 }, factory)
  const outcome = rejection(pool.connect())
  await clock.run(100)
  await outcome
  factory.attempts[0]!.done.resolve()
  await clock.run(299)
  expect(factory.destroyed).toHaveLength(0)

  await clock.run(1)

  expect(factory.destroyed).toHaveLength(1)
})

describe('a process that polls again', () => {
  const onExhausted = { retry: { attempts: 5, backoffMs: 4000 } }

  test('learns of the end of the pool at once, and keeps no timer', async () => {
    const { pool, clock } = poolOf({ max: 1, onExhausted })
    const lease = await pool.connect()
    const looking = rejection(pool.connect())
    await settle()
    expect(clock.armed).toBe(2)

    const draining = pool.drain()

    expect(await looking).toMatchObject({ code: 'POOL_CLOSED' })
    lease.release()
    await draining
    expect(clock.armed).toBe(0)
  })

  test('counts as a caller that may wait', async () => {
    const { pool } = poolOf({ max: 1, onExhausted, maxWaiting: 2 })
    const lease = await pool.connect()
    const looking = [rejection(pool.connect()), rejection(pool.connect())]

    expect(await rejection(pool.connect())).toMatchObject({ code: 'POOL_SATURATED' })

    lease.release()
    const draining = pool.drain()
    await Promise.all([...looking, draining])
  })

  test('leaves when its signal says so, untouched', async () => {
    const { pool, clock } = poolOf({ max: 1, onExhausted })
    const lease = await pool.connect()
    const enough = new AbortController()
    const looking = rejection(pool.connect({ signal: enough.signal }))
    await settle()
    const armed = clock.armed

    enough.abort('enough')

    expect(await looking).toBe('enough')
    expect(clock.armed).toBe(armed - 1)
    lease.release()
  })
})
