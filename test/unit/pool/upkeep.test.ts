import { describe, expect, test } from 'vitest'
import { settle } from '../../../src/testing/manual-clock.js'
import { rejection, stateOf } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'
import { StubFactory, type Stub } from '../../support/stub-factory.js'

const poolOf = poolWorld()

/** A factory whose connections close only when the test calls `closed`. No caller can use a connection that is being closed. */
function slowToClose(): { factory: StubFactory; closed: () => void } {
  const factory = new StubFactory()
  let closed = (): void => undefined
  factory.closing = new Promise((resolve) => (closed = resolve))
  return { factory, closed }
}

describe('min', () => {
  test('counts usable connections, and not closing ones', async () => {
    const { factory, closed } = slowToClose()
    const { pool, clock } = poolOf({ min: 1, max: 3, idleTimeoutMs: 50, closeTimeoutMs: 5000 }, factory)
    const [a, b] = await Promise.all([pool.connect(), pool.connect()])
    a.release()
    await clock.run(100)
    b.release()
    await clock.run(1000)

    expect(pool.counts()).toMatchObject({ idle: 1, closing: 1, opened: 2 })
    closed()
  })

  test('counts open connections, and not opening ones, which may fail', async () => {
    const { pool, clock, factory } = poolOf({ min: 2, max: 5, idleTimeoutMs: 50, checkAfterIdleMs: Infinity })
    await pool.ready()
    const leases = await Promise.all([pool.connect(), pool.connect()])
    factory.isSlow = true
    const waiting = [pool.connect(), pool.connect()]
    for (const lease of leases) lease.release()
    for (const each of waiting) (await each).release()
    await clock.run(200)

    expect(pool.counts()).toMatchObject({ idle: 2, opening: 2, closed: 0 })
  })

  test.each([
    [
      'released as broken',
      (_: StubFactory, lease: { release(destroy: boolean): void }) => lease.release(true),
    ],
    [
      'that can not be cleaned',
      (factory: StubFactory, lease: { release(destroy: boolean): void }) => {
        factory.cleaning = () => Promise.reject(new Error('dirt'))
        lease.release(false)
      },
    ],
    ['that has ended', (factory: StubFactory) => factory.end(factory.opened[0]!)],
  ])('has a replacement for one %s before its end is confirmed', async (_, lose) => {
    const { factory, closed } = slowToClose()
    const { pool, clock } = poolOf({ min: 1, max: 2, closeTimeoutMs: 5000 }, factory)
    await pool.ready()
    const lease = await pool.connect()

    lose(factory, lease)
    await clock.run(1)

    expect(pool.counts()).toMatchObject({ idle: 1, leased: 0, opened: 2 })
    closed()
  })

  test('waits for the place of one that is closing where max leaves no other', async () => {
    const { factory, closed } = slowToClose()
    const { pool, clock } = poolOf({ min: 1, max: 1, closeTimeoutMs: 5000 }, factory)
    await pool.ready()
    ;(await pool.connect()).release(true)
    await clock.run(100)
    expect(pool.counts()).toMatchObject({ idle: 0, total: 1, closing: 1 })

    closed()
    await settle()

    expect(pool.counts()).toMatchObject({ idle: 1, total: 1 })
  })
})

describe('a connection that grows old', () => {
  const rules = { maxLifetimeMs: 10_000, idleTimeoutMs: Infinity, checkAfterIdleMs: Infinity }

  test('is replaced before it is closed, so that min can be borrowed at every moment', async () => {
    const { factory, closed } = slowToClose()
    const { pool, clock } = poolOf({ ...rules, min: 2, max: 4, closeTimeoutMs: 100_000 }, factory)
    await pool.ready()
    let fewest = Infinity
    pool.on('connection:closed', () => (fewest = Math.min(fewest, pool.idleCount)))

    await clock.run(10_000)

    expect(fewest).toBe(2)
    expect(pool.counts()).toMatchObject({ idle: 2, opened: 4, closing: 2 })
    closed()
  })

  test('is closed when its time is over, replaced or not', async () => {
    const { pool, clock, factory } = poolOf({ ...rules, min: 1, max: 2 })
    await pool.ready()
    factory.failure = new Error('down')
    await clock.run(9000)
    expect(pool.idleCount).toBe(1)
    await clock.run(1000)

    expect(pool.idleCount).toBe(0)
    factory.failure = null
    await clock.run(2000)
    expect(pool.idleCount, 'and again min when that can be').toBe(1)
  })

  test('and comes back is kept until another is there', async () => {
    const { pool, clock, factory } = poolOf({ ...rules, min: 1, max: 2 })
    const lease = await pool.connect()
    factory.isSlow = true
    while (pool.expiredCount === 0) await clock.run(10)
    lease.release()
    expect(pool.counts()).toMatchObject({ idle: 1, opening: 1, closed: 0 })

    factory.attempts[1]!.done.resolve()
    await settle()

    expect(pool.counts()).toMatchObject({ idle: 1, opening: 0, closed: 1 })
    expect((await pool.connect()).id).toBe(2)
  })

  test('does not make the one that has replaced it idle away, over and over', async () => {
    const { pool, clock, factory } = poolOf({ ...rules, min: 1, max: 3, idleTimeoutMs: 500 })
    const lease = await pool.connect()
    await clock.run(20_000)

    // Idle connections have lifetimes too.
    expect(factory.opened.length).toBeLessThanOrEqual(3)
    expect(pool.idleCount).toBe(1)
    lease.release()
  })

  test.each([
    ['with a check', new StubFactory()],
    ['without one', { open: () => Promise.resolve({ id: 0 }), close: () => Promise.resolve() }],
  ])('is not checked out after its time, also if the timers are late (%s)', async (_, factory) => {
    let now = 0
    const late = {
      open: async (): Promise<Stub> => ({ id: (await factory.open(new AbortController().signal)).id }),
    }
    const { pool, clock } = poolOf({ ...rules, max: 1 }, { ...late, close: () => Promise.resolve() })
    const first = await pool.connect()
    first.release()
    const real = clock.now.bind(clock)
    // The event loop was blocked: time has passed, and no timer has fired.
    clock.now = () => real() + now
    now = 10_001

    const lease = await pool.connect()

    expect(lease).not.toBe(first)
    lease.release()
    await clock.run(11_000)
  })
})

test('an old one is never checked out again because others wait', async () => {
  const { pool, clock } = poolOf({ max: 1, maxLifetimeMs: 10_000 })
  const lease = await pool.connect()
  const waiting = pool.connect()
  await clock.run(10_000)

  lease.release()

  expect((await waiting).id).toBe(2)
})

describe('maxUses', () => {
  test('closes a connection after this many checkouts, and serves a waiter with another', async () => {
    const { pool, factory } = poolOf({ max: 1, maxUses: 2 })
    const reasons: string[] = []
    pool.on('connection:closed', ({ reason }) => reasons.push(reason))
    const ids: number[] = []
    for (let i = 0; i < 5; i++) await pool.use(({ id }) => ids.push(id))

    expect(ids).toEqual([1, 1, 2, 2, 3])
    expect(reasons).toEqual(['used up', 'used up'])
    expect(factory.closed).toHaveLength(2)
  })

  test('counts checkouts, not checks, and min is there again at once', async () => {
    const { pool, clock, factory } = poolOf({ min: 1, max: 2, maxUses: 2, checkAfterIdleMs: 0 })
    ;(await pool.connect()).release()
    await clock.run(10)
    const second = await pool.connect()
    expect([second.id, factory.checked.length]).toEqual([1, 1])

    second.release()
    await settle()

    expect(pool.counts()).toMatchObject({ idle: 1, opened: 2, closed: 1 })
  })
})

describe('who has no time', () => {
  test('gets an idle connection as it is, because a check would be a wait', async () => {
    const { pool, clock, factory } = poolOf({ max: 2 })
    ;(await pool.connect()).release()
    await clock.run(5000)

    const lease = await pool.connect({ timeoutMs: 0 })

    expect([lease.id, factory.checked.length]).toEqual([1, 0])
    lease.release()
  })

  test('does not wait for one that would have to be opened', async () => {
    const { pool, clock, factory } = poolOf({ max: 2 })
    factory.isSlow = true
    const outcome = rejection(pool.connect({ timeoutMs: 0 }))
    await clock.run(0)

    expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'connecting' })
  })

  test('does not overtake who came before', async () => {
    const { pool, clock, factory } = poolOf({ max: 1 })
    factory.checking = () => new Promise(() => undefined)
    ;(await pool.connect()).release()
    await clock.run(5000)
    const patient = pool.connect()
    const outcome = rejection(pool.connect({ timeoutMs: 0 }))
    await clock.run(0)

    expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(await stateOf(patient)).toBe('pending')
    await clock.run(2000)
    ;(await patient).release()
  })
})

describe('allowExitOnIdle', () => {
  /** Records which connections keep the process alive. */
  class Keeping extends StubFactory {
    readonly kept = new Set<Stub>()
    override async open(signal: AbortSignal): Promise<Stub> {
      const stub = await super.open(signal)
      this.kept.add(stub)
      return stub
    }
    override close(stub: Stub): Promise<void> {
      this.kept.delete(stub)
      return super.close(stub)
    }
    ref(stub: Stub): void {
      this.kept.add(stub)
    }
    unref(stub: Stub): void {
      this.kept.delete(stub)
    }
  }

  test('idle connections do not keep the process alive, and borrowed or checked ones do', async () => {
    const factory = new Keeping()
    const { pool, clock } = poolOf({ max: 2, allowExitOnIdle: true }, factory)
    const [a, b] = await Promise.all([pool.connect(), pool.connect()])
    expect(factory.kept.size).toBe(2)
    a.release()
    b.release()
    expect(factory.kept.size).toBe(0)
    const again = await pool.connect()
    expect(factory.kept.size).toBe(1)
    again.release()
    await clock.run(5000)
    factory.checking = () => new Promise(() => undefined)
    const waiting = pool.connect()
    expect(factory.kept.size).toBe(1)
    await clock.run(4000)
    ;(await waiting).release()
    expect(factory.kept.size).toBe(0)
  })

  test('without it nothing is asked of the factory', async () => {
    const factory = new Keeping()
    const { pool } = poolOf({ max: 2 }, factory)
    ;(await pool.connect()).release()

    expect(factory.kept.size).toBe(1)
  })
})
