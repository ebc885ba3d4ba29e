import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { settle } from '../../../src/testing/manual-clock.js'
import { rejection } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'

/** Code of callers: listeners, options and callbacks. Whatever it does, no other caller loses a place or a connection. */
const poolOf = poolWorld()

const uncaught: Error[] = []
const note = (error: Error): void => void uncaught.push(error)

beforeEach(() => {
  uncaught.length = 0
  process.on('uncaughtException', note)
})

afterEach(() => void process.off('uncaughtException', note))

const EVENTS = [
  'connection:opened',
  'connection:checked-out',
  'connection:checked-in',
  'connection:closed',
  'connection:failed',
] as const

test.each(EVENTS)('a listener of %s that throws reaches the process, and harms no caller', async (event) => {
  const { pool, clock, factory } = poolOf({ max: 1, checkAfterIdleMs: Infinity })
  const throwing = (): never => {
    throw new Error('listener')
  }
  pool.on(event, throwing)
  factory.failure = event === 'connection:failed' ? new Error('down') : null
  await pool.connect().then(
    (lease) => lease.release(true),
    () => undefined,
  )
  factory.failure = null
  await clock.run(2000)

  ;(await pool.connect()).release()

  pool.off(event, throwing)
  await new Promise((resolve) => setImmediate(resolve))
  expect(uncaught.length).toBeGreaterThan(0)
  expect(uncaught.every(({ message }) => message === 'listener')).toBe(true)
  expect(pool.counts()).toMatchObject({ total: 1, idle: 1, leased: 0, waiting: 0 })
})

test.each(EVENTS)('a listener of %s may borrow, and no caller gets two', async (event) => {
  const { pool, clock, factory } = poolOf({ max: 3 })
  let asked = 0
  const borrowed: Promise<void>[] = []
  pool.on(event, () => {
    if (asked++ < 3)
      borrowed.push(
        pool.connect().then(
          (lease) => lease.release(),
          () => undefined,
        ),
      )
  })
  if (event === 'connection:failed') {
    factory.failure = new Error('down')
    await rejection(pool.connect())
    factory.failure = null
    await clock.run(2000)
  }
  const leases = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
  const waiting = Array.from({ length: 4 }, () => pool.connect().then((lease) => lease.release()))
  leases[0].release(true)
  for (const lease of leases) lease.release()
  await Promise.all([...waiting, ...borrowed])
  await settle()

  expect(pool.counts()).toMatchObject({ leased: 0, waiting: 0 })
  expect(pool.idleCount).toBe(pool.totalCount)
})

test('a listener may close the pool at any event', async () => {
  for (const event of EVENTS) {
    const { pool, factory } = poolOf({ max: 2 })
    factory.failure = event === 'connection:failed' ? new Error('down') : null
    const closing: Promise<void>[] = []
    pool.on(event, () => void closing.push(pool.drain()))

    await pool.connect().then(
      (lease) => lease.release(event === 'connection:closed'),
      () => undefined,
    )

    await Promise.all(closing)
    expect(pool.totalCount, event).toBe(0)
  }
})

describe('options of a call', () => {
  test.each([
    ['null', null],
    ['a text', 'now'],
    ['a signal that is none', { signal: {} }],
    ['a signal that is null', { signal: null }],
    ['an onWanted that is none', { onWanted: 5 }],
    ['a time that is none', { timeoutMs: '5' }],
  ])('%s is refused, and takes nothing', async (_, options) => {
    const { pool, clock } = poolOf()

    expect(await rejection(pool.connect(options as never))).toMatchObject({ code: 'INVALID_OPTION' })

    expect(pool.counts()).toMatchObject({ total: 0, waiting: 0 })
    expect(clock.armed).toBe(0)
  })

  test('a getter that throws is a rejection, and is asked once', async () => {
    const { pool } = poolOf()
    let asked = 0
    const throwing = {
      get signal(): never {
        throw new Error('getter')
      },
    }
    const changing = {
      get timeoutMs(): number {
        return asked++ === 0 ? 100 : Number.NaN
      },
    }

    expect(await rejection(pool.connect(throwing))).toMatchObject({ message: 'getter' })
    ;(await pool.connect(changing)).release()

    expect(asked).toBe(1)
    expect(pool.waitingCount).toBe(0)
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('onWanted')
      },
    ],
    ['answers nothing', () => undefined],
    ['answers a promise', () => Promise.resolve(true)],
  ])('an onWanted that %s is a no, and the next is asked', async (_, onWanted) => {
    const { pool } = poolOf({ max: 2 })
    const asked: string[] = []
    const first = await pool.connect({ onWanted: onWanted as never })
    const second = await pool.connect({ onWanted: () => (asked.push('second'), true) })

    const waiting = pool.connect()
    second.release()
    ;(await waiting).release()

    expect(asked).toEqual(['second'])
    first.release()
    await new Promise((resolve) => setImmediate(resolve))
  })

  test.each([null, 0, '', undefined])('release(%s) is no complaint, as callbacks call it', async (how) => {
    const { pool, factory } = poolOf()

    ;(await pool.connect()).release(how as never)

    expect([pool.idleCount, factory.closed.length]).toEqual([1, 0])
  })
})
