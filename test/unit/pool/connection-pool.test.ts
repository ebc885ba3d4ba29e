import { describe, expect, test, vi } from 'vitest'
import { Deferred } from '../../../src/base/deferred.js'
import { ConnectionPool } from '../../../src/pool/connection-pool.js'
import { settle } from '../../../src/testing/manual-clock.js'
import { rejection, stateOf } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'
import { StubFactory } from '../../support/stub-factory.js'

const poolOf = poolWorld()

describe('opening', () => {
  test('min connections are opened at the start, and never more than max', async () => {
    const { pool, factory } = poolOf({ min: 2, max: 3 })
    await settle()
    expect(factory.opened).toHaveLength(2)

    const leases = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    const fourth = pool.connect()

    expect(await stateOf(fourth)).toBe('pending')
    expect(pool.totalCount).toBe(3)
    leases[0].release()
    expect((await fourth).id).toBe(leases[0].id)
  })

  test('nothing is opened at the start if the options say so, and ready() opens min', async () => {
    const { pool, factory } = poolOf({ min: 2, openAtStart: false })
    await settle()
    expect(factory.attempts).toHaveLength(0)

    expect(await pool.ready()).toBe(pool)

    expect(pool.idleCount).toBe(2)
    expect(await pool.ready()).toBe(pool)
  })

  test('opening continues when the caller that wanted the connection has gone', async () => {
    const factory = new StubFactory()
    factory.isSlow = true
    const { pool, clock } = poolOf({ acquireTimeoutMs: 50 }, factory)

    const outcome = rejection(pool.connect())
    await clock.run(50)
    expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'connecting', waitedMs: 50 })
    factory.attempts[0]!.done.resolve()
    await settle()

    expect(pool.idleCount).toBe(1)
    expect((await pool.connect()).id).toBe(1)
  })

  test('an attempt that takes too long is given up, and its late result closed unseen', async () => {
    const factory = new StubFactory()
    factory.isSlow = true
    const { pool, clock } = poolOf({ connectTimeoutMs: 100 }, factory)

    const outcome = rejection(pool.connect())
    await clock.run(100)

    expect(await outcome).toMatchObject({ code: 'CONNECTION_FAILED' })
    expect(factory.attempts[0]!.signal.aborted).toBe(true)
    factory.attempts[0]!.done.resolve()
    await settle()
    expect(factory.closed).toHaveLength(1)
    expect(pool.totalCount).toBe(0)
  })

  test('a connection returned early serves the caller for whom another is being opened', async () => {
    const factory = new StubFactory()
    const { pool } = poolOf({ max: 2 }, factory)
    const first = await pool.connect()
    factory.isSlow = true
    const second = pool.connect()
    expect(await stateOf(second)).toBe('pending')

    first.release()

    expect((await second).id).toBe(first.id)
    factory.attempts[1]!.done.resolve()
  })

  test('a connection that ends is replaced up to min', async () => {
    const { pool, factory } = poolOf({ min: 1 })
    await settle()

    factory.end(factory.opened[0]!)
    await settle()

    expect(factory.opened).toHaveLength(2)
    expect(pool.idleCount).toBe(1)
  })
})

describe('the server is down', () => {
  test('a connection that has ended before it arrives is never handed out, and another is opened', async () => {
    const factory = new StubFactory()
    factory.stillborn = 2
    const { pool } = poolOf({ openAtStart: false }, factory)
    const events: string[] = []
    pool.on('connection:opened', ({ id }) => void events.push(`opened ${id}`))
    pool.on('connection:closed', ({ id }) => void events.push(`closed ${id}`))

    const lease = await pool.connect()

    expect(lease.id).toBe(3)
    expect(events).toEqual(['opened 1', 'closed 1', 'opened 2', 'closed 2', 'opened 3'])
    lease.release()
  })

  test("callers get the cause at once after the first failure, and one probe checks for the server's return", async () => {
    const factory = new StubFactory()
    factory.failure = new Error('connection refused')
    const { pool, clock } = poolOf({ max: 10 }, factory)

    const first = await rejection(pool.connect())
    expect(first).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true, message: 'connection refused' })
    expect(first.cause).toBe(factory.failure)
    for (let i = 0; i < 1000; i++) expect(await rejection(pool.connect())).toBe(first)
    expect(factory.attempts).toHaveLength(1)

    let callers = 0
    const before = factory.attempts.length
    for (let ms = 0; ms < 10_000; ms += 100) {
      pool.connect().catch(() => callers++)
      await clock.run(100)
    }

    expect(callers).toBe(100)
    expect(factory.attempts.length - before, 'at most two a second').toBeLessThanOrEqual(20)
    expect(factory.attempts.length - before).toBeGreaterThanOrEqual(5)
    factory.failure = null
    await clock.run(2000)
    expect((await pool.connect()).id).toBe(1)
  })

  test('without callers and without min there are no probes', async () => {
    const factory = new StubFactory()
    factory.failure = new Error('connection refused')
    const { pool, clock } = poolOf({}, factory)
    await rejection(pool.connect())

    await clock.run(60_000)
    expect(factory.attempts).toHaveLength(1)

    factory.failure = null
    expect((await pool.connect()).id, 'the next caller is the probe').toBe(1)
  })

  test('callers keep their turn while a borrower may check in its connection', async () => {
    const factory = new StubFactory()
    const { pool } = poolOf({ max: 2 }, factory)
    const lease = await pool.connect()
    factory.failure = new Error('too many clients')

    const waiting = pool.connect()
    expect(await stateOf(waiting)).toBe('pending')
    lease.release()

    expect((await waiting).id).toBe(lease.id)
  })

  test('after its return attempts grow from one, not all at once', async () => {
    const factory = new StubFactory()
    factory.failure = new Error('connection refused')
    const { pool, clock } = poolOf({ max: 8 }, factory)
    await rejection(pool.connect())
    await clock.run(600)
    factory.failure = null
    const lease = await pool.connect()
    factory.isSlow = true
    const waiting = Array.from({ length: 7 }, () => pool.connect())

    const sizes: number[] = []
    for (let from = 2; from < factory.attempts.length;) {
      const to = factory.attempts.length
      sizes.push(to - from)
      factory.attempts.slice(from, to).forEach(({ done }) => done.resolve())
      from = to
      await settle()
    }

    expect(sizes).toEqual([2, 5])
    await Promise.all(waiting)
    lease.release()
  })

  test('after connections have ended by themselves, one attempt finds out whether the server is there', async () => {
    const factory = new StubFactory()
    const { pool } = poolOf({ max: 4 }, factory)
    await Promise.all([1, 2, 3, 4].map(() => pool.connect()))
    const waiting = Array.from({ length: 20 }, () => rejection(pool.connect()))
    factory.failure = new Error('connection refused')

    for (const stub of [...factory.opened]) factory.end(stub)
    const errors = await Promise.all(waiting)

    expect(factory.attempts.length - factory.opened.length).toBe(1)
    expect(errors.every(({ code }) => code === 'CONNECTION_FAILED')).toBe(true)
  })

  test('ready() rejects with the cause, and may be asked again', async () => {
    const factory = new StubFactory()
    factory.failure = new Error('connection refused')
    const { pool, clock } = poolOf({ min: 1, openAtStart: false }, factory)

    expect(await rejection(pool.ready())).toMatchObject({ message: 'connection refused' })
    factory.failure = null
    const again = pool.ready()
    await clock.run(1000)

    expect(await again).toBe(pool)
  })

  test('a factory that throws at once is a failure like any other', async () => {
    const factory = new StubFactory()
    factory.open = () => {
      throw new Error('bad factory')
    }
    const { pool } = poolOf({ min: 2 }, factory)

    expect(await rejection(pool.connect())).toMatchObject({ message: 'bad factory' })
  })
})

describe('waiting', () => {
  test('first come, first served, whichever borrower releases or destroys', async () => {
    const { pool } = poolOf({ max: 1 })
    let lease = await pool.connect()
    const order: number[] = []
    const waiting = Array.from({ length: 20 }, async (_, i) => {
      const mine = await pool.connect()
      order.push(i)
      return mine
    })

    for (const [i, each] of waiting.entries()) {
      lease.release(i % 3 === 0)
      const newcomer = rejection(pool.connect({ timeoutMs: 0, signal: AbortSignal.timeout(0) })).catch(
        () => undefined,
      )
      lease = await each
      await newcomer
    }

    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i))
    lease.release()
  })

  test('a caller who has gone does not swallow the connection', async () => {
    const { pool, clock } = poolOf({ max: 1 })
    const lease = await pool.connect()
    const gone = rejection(pool.connect({ timeoutMs: 100 }))
    const stays = pool.connect()
    await clock.run(100)
    await gone

    lease.release()

    expect((await stays).id).toBe(lease.id)
    expect(pool.waitingCount).toBe(0)
  })

  test('an aborted wait rejects with its reason and leaves no listener', async () => {
    const { pool } = poolOf({ max: 1 })
    const lease = await pool.connect()
    const controller = new AbortController()
    const outcome = rejection(pool.connect({ signal: controller.signal }))

    controller.abort('enough')

    expect(await outcome).toBe('enough')
    expect(await rejection(pool.connect({ signal: controller.signal }))).toBe('enough')
    lease.release()
  })

  test('one too many is refused at once', async () => {
    const { pool } = poolOf({ max: 1, maxWaiting: 2 })
    const lease = await pool.connect()
    const waiting = [pool.connect(), pool.connect()]

    expect(await rejection(pool.connect())).toMatchObject({ code: 'POOL_SATURATED' })

    lease.release()
    for (const each of waiting) (await each).release()
  })

  test("onExhausted 'fail' says so at once, but waits for what is being opened", async () => {
    const factory = new StubFactory()
    factory.isSlow = true
    const { pool } = poolOf({ max: 1, onExhausted: 'fail' }, factory)
    const first = pool.connect()

    expect(await rejection(pool.connect())).toMatchObject({ code: 'POOL_EXHAUSTED', retryable: true })
    factory.attempts[0]!.done.resolve()

    const lease = await first
    expect(await rejection(pool.connect())).toMatchObject({ code: 'POOL_EXHAUSTED' })
    lease.release()
    expect((await pool.connect()).id).toBe(1)
  })

  test('a process that polls again has waited since it came', async () => {
    const { pool, clock } = poolOf({ max: 1, onExhausted: { retry: { attempts: 3, backoffMs: 100 } } })
    const waited: number[] = []
    pool.on('connection:checked-out', ({ waitedMs }) => waited.push(waitedMs))
    const held = await pool.connect()
    const second = pool.connect()
    await clock.run(150)
    held.release()
    await clock.run(100)

    ;(await second).release()
    expect(waited).toEqual([0, 200])
    await pool.close()
  })

  test('onExhausted retry looks again, so often and no more', async () => {
    const { pool, clock } = poolOf({ max: 1, onExhausted: { retry: { attempts: 3, backoffMs: 100 } } })
    const lease = await pool.connect()
    const fails = rejection(pool.connect())
    await clock.run(300)
    expect(await fails).toMatchObject({ code: 'POOL_EXHAUSTED' })

    const succeeds = pool.connect()
    await clock.run(150)
    lease.release()
    await clock.run(50)

    expect((await succeeds).id).toBe(lease.id)
  })

  test('the deadline is one, over every attempt', async () => {
    const { pool, clock } = poolOf({ max: 1, onExhausted: { retry: { attempts: 100, backoffMs: 40 } } })
    const lease = await pool.connect()

    const outcome = rejection(pool.connect({ timeoutMs: 100 }))
    await clock.run(100)

    expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT', waitedMs: 100 })
    lease.release()
  })

  test('reserved connections go first, and only to reserved callers', async () => {
    const { pool } = poolOf({ max: 2, reserved: 1 })
    const ordinary = await pool.connect()
    const second = pool.connect()
    expect(await stateOf(second)).toBe('pending')

    const reserved = await pool.connect({ reserved: true })
    const also = pool.connect({ reserved: true })
    ordinary.release()

    expect((await also).id).toBe(ordinary.id)
    expect(await stateOf(second)).toBe('pending')
    reserved.release()
    expect((await second).id).toBe(reserved.id)
  })

  test('a borrower that can spare its connection is asked for it when a caller cannot be served', async () => {
    const { pool } = poolOf({ max: 2 })
    const asked: string[] = []
    const keeps = await pool.connect({ onWanted: () => (asked.push('keeps'), false) })
    const gives = await pool.connect({
      onWanted: () => {
        asked.push('gives')
        gives.release()
        return true
      },
    })

    const lease = await pool.connect()

    expect(asked).toEqual(['keeps', 'gives'])
    expect(lease.id).toBe(gives.id)
    keeps.release()
  })
})

describe('returning', () => {
  test('the most recently used goes out first', async () => {
    const { pool } = poolOf({ max: 3 })
    const [a, b, c] = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    a.release()
    c.release()
    b.release()

    expect((await pool.connect()).id).toBe(b.id)
    expect((await pool.connect()).id).toBe(c.id)
  })

  test('releasing twice does nothing, and a stale release does not touch the next borrower', async () => {
    const { pool } = poolOf({ max: 1 })
    const first = await pool.connect()
    const { release } = first
    release()
    const second = await pool.connect()

    release()
    release(true)

    expect(pool.leasedCount).toBe(1)
    second.release()
    expect(pool.idleCount).toBe(1)
  })

  test('await using gives it back', async () => {
    const { pool } = poolOf()
    {
      await using lease = await pool.connect()
      expect(lease.id).toBe(1)
      expect(pool.leasedCount).toBe(1)
    }
    expect(pool.idleCount).toBe(1)
  })

  test('use() gives it back however the body ends', async () => {
    const { pool } = poolOf()

    expect(await pool.use((connection) => connection.id)).toBe(1)
    await rejection(pool.use(() => Promise.reject(new Error('body'))))

    expect(pool.idleCount).toBe(1)
  })

  test('released as broken it is closed, and its place serves the next', async () => {
    const { pool, factory } = poolOf({ max: 1 })
    const lease = await pool.connect()
    const waiting = pool.connect()

    lease.release(new Error('I do not trust it'))

    expect((await waiting).id).toBe(2)
    expect(factory.closed).toEqual([{ ...lease }].map(() => factory.opened[0]))
  })

  test('a dirty connection is cleaned before the next checkout, and reported', async () => {
    const factory = new StubFactory()
    let clean: (found: readonly string[]) => void = () => undefined
    factory.cleaning = () => new Promise((resolve) => (clean = resolve))
    const { pool } = poolOf({ max: 1 }, factory)
    const found: unknown[] = []
    pool.on('connection:cleaned', (event) => found.push(event))
    const lease = await pool.connect()
    const waiting = pool.connect()

    lease.release()
    expect(await stateOf(waiting)).toBe('pending')
    factory.cleaning = null
    clean(['an open transaction'])

    expect((await waiting).id).toBe(lease.id)
    const where = expect.stringMatching(/connection-pool\.test\.ts/)
    expect(found).toEqual([{ id: 1, found: ['an open transaction'], where }])
  })

  test('a connection that only seemed dirty is not reported', async () => {
    const factory = new StubFactory()
    factory.cleaning = () => Promise.resolve([])
    const { pool } = poolOf({ max: 1 }, factory)
    const found: unknown[] = []
    pool.on('connection:cleaned', (event) => found.push(event))

    ;(await pool.connect()).release()
    factory.cleaning = null
    ;(await pool.connect()).release()

    expect(found).toEqual([])
  })

  test('the place of a checkout is recorded only while a listener needs it', async () => {
    const { pool } = poolOf({ max: 1 })
    const capture = vi.spyOn(Error, 'captureStackTrace')
    const listener = (): void => undefined
    try {
      ;(await pool.connect()).release()
      expect(capture).not.toHaveBeenCalled()
      pool.on('connection:cleaned', listener)
      ;(await pool.connect()).release()
      expect(capture).toHaveBeenCalledOnce()
      pool.off('connection:cleaned', listener)
      ;(await pool.connect()).release()
      expect(capture).toHaveBeenCalledOnce()
    } finally {
      capture.mockRestore()
    }
  })

  test.each(['fails', 'takes too long'] as const)(
    'a connection that cannot be cleaned because it %s is closed',
    async (how) => {
      const factory = new StubFactory()
      factory.cleaning = () =>
        how === 'fails' ? Promise.reject(new Error('gone')) : new Promise(() => undefined)
      const { pool, clock } = poolOf({ max: 1 }, factory)
      const reasons: string[] = []
      pool.on('connection:cleaned', () => reasons.push('cleaned'))
      let borrower: string | undefined
      pool.on('connection:closed', ({ reason, where }) => {
        reasons.push(reason)
        borrower ??= where
      })
      const lease = await pool.connect()

      lease.release()
      await clock.run(2000)

      expect(reasons).toEqual(['could not be cleaned'])
      expect(borrower).toMatch(/connection-pool\.test\.ts/)
      factory.cleaning = null
      expect((await pool.connect()).id).toBe(2)
    },
  )

  test('a connection that is slow to close counts until it is destroyed', async () => {
    const factory = new StubFactory()
    factory.closing = new Promise(() => undefined)
    const { pool, clock } = poolOf({ max: 1, closeTimeoutMs: 500 }, factory)
    ;(await pool.connect()).release(true)
    const waiting = pool.connect()

    expect(await stateOf(waiting)).toBe('pending')
    expect(pool.totalCount).toBe(1)
    await clock.run(500)

    expect(factory.destroyed).toHaveLength(1)
    expect((await waiting).id).toBe(2)
  })

  test('a connection that ends while it is out is replaced, and its release does nothing', async () => {
    const { pool, factory } = poolOf({ max: 1 })
    const lease = await pool.connect()

    factory.end(factory.opened[0]!)
    const next = await pool.connect()
    lease.release()

    expect(next.id).toBe(2)
    expect(pool.leasedCount).toBe(1)
  })
})

describe('upkeep', () => {
  test('idle connections above min are closed after idleTimeoutMs', async () => {
    const { pool, clock, factory } = poolOf({ min: 1, max: 3, idleTimeoutMs: 1000 })
    const leases = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    leases.forEach((lease) => lease.release())

    await clock.run(999)
    expect(pool.idleCount).toBe(3)
    await clock.run(1)

    expect(pool.idleCount).toBe(1)
    expect(factory.closed).toHaveLength(2)
  })

  test('old connections are closed when idle or on return, never under a borrower, and not all at once', async () => {
    const { pool, clock, factory } = poolOf({
      max: 3,
      maxLifetimeMs: 10_000,
      idleTimeoutMs: Infinity,
      checkAfterIdleMs: Infinity,
    })
    const leases = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    leases[0].release()
    leases[1].release()
    const closedAt: number[] = []
    pool.on('connection:closed', () => closedAt.push(clock.now()))

    await clock.run(11_000)

    expect(closedAt).toHaveLength(2)
    expect(new Set(closedAt).size).toBe(2)
    expect(closedAt.every((at) => at >= 9000 && at <= 10_000)).toBe(true)
    expect(pool.leasedCount).toBe(1)
    leases[2].release()
    await settle()
    expect(factory.closed).toHaveLength(3)
  })

  test('an old connection is requested back from borrowers that can spare it', async () => {
    const { pool, clock } = poolOf({ maxLifetimeMs: 10_000 })
    let asked = 0
    const lease = await pool.connect({ onWanted: () => (asked++, true) })

    await clock.run(10_000)

    expect(asked).toBeGreaterThan(0)
    lease.release()
  })

  test('a connection that has idled for long is checked before it goes out', async () => {
    const factory = new StubFactory()
    const { pool, clock } = poolOf({ max: 1, checkAfterIdleMs: 1000 }, factory)
    ;(await pool.connect()).release()
    await clock.run(1000)
    ;(await pool.connect()).release()
    expect(factory.checked).toHaveLength(0)

    await clock.run(1001)
    ;(await pool.connect()).release()
    expect(factory.checked).toHaveLength(1)

    await clock.run(1001)
    factory.checking = () => Promise.reject(new Error('dead'))
    expect((await pool.connect()).id, 'the dead one is replaced').toBe(2)
  })

  test('a check that is never answered ends, within the time for it', async () => {
    const factory = new StubFactory()
    factory.checking = () => new Promise(() => undefined)
    const { pool, clock } = poolOf({ max: 1, checkAfterIdleMs: 0, closeTimeoutMs: 300 }, factory)
    ;(await pool.connect()).release()
    await clock.run(10)

    const waiting = pool.connect()
    await clock.run(300)

    expect((await waiting).id).toBe(2)
  })
})

describe('ending', () => {
  test('close refuses waiters, waits for borrowers, and cuts off the rest', async () => {
    const { pool, clock, factory } = poolOf({ max: 2 })
    const [kept, given] = await Promise.all([pool.connect(), pool.connect()])
    const waiting = rejection(pool.connect())

    const closing = pool.close({ graceMs: 1000 })

    expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
    given.release()
    await clock.run(999)
    expect(await stateOf(closing)).toBe('pending')
    await clock.run(1)
    await closing
    expect(factory.closed).toHaveLength(2)
    kept.release()
    expect(await rejection(pool.connect())).toMatchObject({ code: 'POOL_CLOSED' })
    await pool.close()
  })

  test('drain waits for every borrower, however long', async () => {
    const { pool, clock } = poolOf()
    const lease = await pool.connect()

    const draining = pool.drain()
    await clock.run(1_000_000)
    expect(await stateOf(draining)).toBe('pending')
    lease.release()

    await draining
    expect(pool.isClosed).toBe(true)
  })

  test('closing ends attempts to open, and a late result is closed unseen', async () => {
    const factory = new StubFactory()
    factory.isSlow = true
    const { pool } = poolOf({ min: 1 }, factory)
    await settle()

    await pool.close()

    expect(factory.attempts[0]!.signal.aborted).toBe(true)
    factory.attempts[0]!.done.resolve()
    await settle()
    expect(factory.closed).toHaveLength(1)
  })
})

describe('options', () => {
  test('every problem is reported at once', () => {
    const wrong = { min: -1, max: 1.5, acquireTimeoutMs: '30s', onExhausted: 'never', colour: 'red' } as never

    expect(() => new ConnectionPool(new StubFactory(), wrong)).toThrowError(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        problems: [
          'unknown option "colour"',
          '"min" must be an integer from 0 to 1000, got -1',
          '"max" must be an integer from 1 to 1000, got 1.5',
          '"onExhausted" must be "wait", "fail" or { retry: { attempts: 1 to 1000, backoffMs: 1 to 86400000 } }, got "never"',
          '"acquireTimeoutMs" must be an integer from 0 to 86400000, or Infinity, got "30s"',
        ],
      }),
    )
  })

  test.each([
    [{ min: 3, max: 2 }, '"min" (3) is more than "max" (2)'],
    [{ max: 2, reserved: 2 }, '"reserved" (2) leaves nothing of "max" (2)'],
  ])('%j contradicts itself', (options, problem) => {
    expect(() => new ConnectionPool(new StubFactory(), options)).toThrowError(
      expect.objectContaining({ problems: [problem] }),
    )
  })

  test('a wrong timeout of one call is refused, and takes nothing', async () => {
    const { pool } = poolOf()

    expect(await rejection(pool.connect({ timeoutMs: Number.NaN }))).toMatchObject({ code: 'INVALID_OPTION' })

    expect(pool.totalCount).toBe(0)
  })
})

test('close waits for pending work of the factory, and ignores its errors', async () => {
  const { pool, clock, factory } = poolOf()
  await pool.connect()
  const settled = new Deferred<void>()
  Object.assign(factory, { settled: () => settled.promise })

  const closing = pool.close({ graceMs: 0 })
  await clock.run(1000)
  expect(pool.totalCount).toBe(0)
  expect(await stateOf(closing)).toBe('pending')

  settled.reject(new Error('no'))
  await closing
})
