import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConnectionFactory } from '../../../src/pool/connection-factory.js'
import { ConnectionPool } from '../../../src/pool/connection-pool.js'
import { settle } from '../../../src/testing/manual-clock.js'
import { rejection } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'
import type { Stub } from '../../support/stub-factory.js'

/** Each method of a factory fails in each way. The pool and its other connections continue. */
const poolOf = poolWorld()

const uncaught: unknown[] = []
const note = (error: unknown): void => void uncaught.push(error)

beforeEach(() => {
  uncaught.length = 0
  process.on('uncaughtException', note).on('unhandledRejection', note)
})

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve))
  process.off('uncaughtException', note).off('unhandledRejection', note)
  expect(uncaught, 'errors that nobody caught').toEqual([])
})

type Way = (...given: never[]) => unknown

/** All wrong ways to answer a call. */
const WAYS: Readonly<Record<string, Way>> = {
  'throws at once': () => {
    throw new Error('boom')
  },
  rejects: () => Promise.reject(new Error('boom')),
  'throws what is no error': () => {
    // oxlint-disable-next-line no-throw-literal
    throw undefined
  },
  'rejects with nothing': () => Promise.reject(),
  'never settles': () => new Promise(() => undefined),
  'answers nothing': () => undefined,
  'answers null': () => null,
  'answers a number': () => 5,
  'answers a function': () => () => undefined,
  'answers with a promise of a number': () => Promise.resolve(5),
  'answers a thenable that calls back twice': () => ({
    // oxlint-disable-next-line no-thenable
    then: (ok: (value: unknown) => void, no: (error: unknown) => void) => (
      ok({}),
      no(new Error('twice')),
      ok(5)
    ),
  }),
  'answers a thenable that throws': () => ({
    // oxlint-disable-next-line no-thenable
    then: () => {
      throw new Error('boom')
    },
  }),
}

/** A correct factory. One of its methods answers wrongly while the factory is armed. */
function badAt(
  method: keyof ConnectionFactory<Stub>,
  way: Way,
): ConnectionFactory<Stub> & { armed: boolean } {
  let id = 0
  const ends: ((cause: Error) => void)[] = []
  const factory = {
    armed: false,
    open: () => Promise.resolve({ id: ++id }),
    close: () =>
      factory.armed && method === 'destroy' ? Promise.reject(new Error('close')) : Promise.resolve(),
    destroy: () => undefined,
    settled: () => Promise.resolve(),
    check: () => Promise.resolve(),
    clean: () => null,
    onEnd: (_: Stub, ended: (cause: Error) => void) => void ends.push(ended),
    lease: (stub: Stub, lease: object) => ({ ...stub, ...lease }),
    ref: () => undefined,
    unref: () => undefined,
  } as unknown as ConnectionFactory<Stub> & { armed: boolean }
  const good = factory[method] as unknown as Way
  return Object.assign(factory, {
    [method]: (...given: never[]) => (factory.armed ? way(...given) : good(...given)),
  })
}

const METHODS = [
  'open',
  'close',
  'destroy',
  'settled',
  'check',
  'clean',
  'onEnd',
  'lease',
  'ref',
  'unref',
] as const

describe.each(METHODS)('%s', (method) => {
  test.each(Object.keys(WAYS))('that %s costs no caller but its own, and no place', async (way) => {
    const factory = badAt(method, WAYS[way]!)
    const options = {
      max: 1,
      checkAfterIdleMs: 0,
      closeTimeoutMs: 200,
      connectTimeoutMs: 500,
      allowExitOnIdle: true,
    }
    const { pool, clock } = poolOf({ ...options, acquireTimeoutMs: 3000 }, factory)
    const borrow = async (destroys: boolean): Promise<string> => {
      const connecting = pool.connect().then((lease) => lease.release(destroys), String)
      await clock.run(5000)
      return String(await connecting)
    }
    await borrow(false)

    factory.armed = true
    // These checkouts include a check, a clean-up, and both kinds of check-in.
    for (const destroys of [false, true, false, true]) await borrow(destroys)
    factory.armed = false
    await borrow(true)

    expect(await borrow(false)).toBe('undefined')
    expect(pool.counts()).toMatchObject({ total: 1, idle: 1, leased: 0, waiting: 0, opening: 0, closing: 0 })
  })

  test.each(Object.keys(WAYS))('that %s does not keep the pool from closing', async (way) => {
    const factory = badAt(method, WAYS[way]!)
    const { pool, clock } = poolOf({ max: 2, checkAfterIdleMs: 0, closeTimeoutMs: 200 }, factory)
    const lease = await pool.connect()
    ;(await pool.connect()).release()

    factory.armed = true
    const waiting = pool.connect().then(
      (other) => other.release(),
      () => undefined,
    )
    const closing = pool.close({ graceMs: 100 })
    await clock.run(20_000)

    await Promise.all([closing, waiting])
    expect(pool.totalCount).toBe(0)
    lease.release()
  })
})

test.each([
  ['nothing', undefined, ['has no method "open"', 'has no method "close"']],
  ['null', null, ['has no method "open"', 'has no method "close"']],
  ['no close', { open: () => ({}) }, ['has no method "close"']],
  [
    'a number for a method',
    { open: () => ({}), close: () => undefined, check: 5 },
    ['"check" is no function, but 5'],
  ],
])('%s is no factory, and refused at once', (_, factory, problems) => {
  expect(() => new ConnectionPool(factory as never)).toThrowError(
    expect.objectContaining({
      code: 'INVALID_OPTION',
      problems: problems.map((problem) => `the factory ${problem}`),
    }),
  )
})

test('an open connection is not checked out twice', async () => {
  const one = { id: 1 }
  const { pool, clock } = poolOf(
    { max: 2 },
    { open: () => Promise.resolve(one), close: () => Promise.resolve() },
  )
  const lease = await pool.connect()
  const second = pool.connect()
  await settle()

  expect(pool.leasedCount).toBe(1)
  lease.release()
  expect((await second).id).toBe(1)
  ;(await second).release(true)
  await clock.run(2000)
  expect((await pool.connect()).id, 'once it is closed it may come again').toBe(1)
})

test('a frozen connection needs a factory that wraps it, and the error says so', async () => {
  const { pool } = poolOf(
    {},
    { open: () => Promise.resolve(Object.freeze({ id: 1 })), close: () => Promise.resolve() },
  )

  expect(await rejection(pool.connect())).toMatchObject({ code: 'CONNECTION_FAILED', retryable: false })
  expect(pool.leasedCount).toBe(0)
})

test('a check that says false has failed', async () => {
  let id = 0
  const { pool, clock } = poolOf(
    { checkAfterIdleMs: 0 },
    {
      open: () => Promise.resolve({ id: ++id }),
      close: () => Promise.resolve(),
      check: () => Promise.resolve(false),
    },
  )
  ;(await pool.connect()).release()
  await clock.run(1)

  expect((await pool.connect()).id).toBe(2)
})

test('an end that is reported twice, or too late, or without a cause, is one end', async () => {
  const ends: ((cause?: unknown) => void)[] = []
  let id = 0
  const { pool } = poolOf(
    {},
    {
      open: () => Promise.resolve({ id: ++id }),
      close: () => Promise.resolve(),
      onEnd: (_, ended) => void ends.push(ended as never),
    },
  )
  const closed: unknown[] = []
  pool.on('connection:closed', ({ reason, error }) => closed.push([reason, error instanceof Error]))
  const lease = await pool.connect()
  ends[0]!()
  ends[0]!(new Error('again'))
  lease.release()
  ;(await pool.connect()).release(true)
  ends[1]!(new Error('late'))
  await settle()

  expect(closed).toEqual([
    ['ended by itself', true],
    ['released as broken', false],
  ])
})
