import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { InvalidOptionError } from '../../../src/base/errors.js'
import { hashName } from '../../../src/dialect/postgres/keys/key.js'
import { PostgresDialect } from '../../../src/dialect/postgres/postgres-dialect.js'
import { KeyEncoder } from '../../../src/lock/key/key-encoder.js'
import type { LockKey } from '../../../src/dialect/lock-key.js'
import { LockPool } from '../../../src/postgres-lock-pool.js'
import { fakeWorld, rejection } from '../../support/fake-world.js'

/** The limit that the error message names. */
const MAX_NAME_LENGTH = 1024

const wellFormed = fc
  .string({ unit: 'binary', minLength: 1, maxLength: MAX_NAME_LENGTH / 2 })
  .filter((name) => !name.includes('\0'))

test('every well-formed name up to the limit is a key of 64 bits, always the same, and no other name has it', () => {
  const seen = new Map<string, string>()
  fc.assert(
    fc.property(wellFormed, (name) => {
      const { id } = new KeyEncoder(new PostgresDialect(), 'n').code(name)
      expect(id).toBe(String(hashName(Buffer.from(name).toString('utf8'), 'n')))
      expect(BigInt.asIntN(64, BigInt(id))).toBe(BigInt(id))
      expect(seen.get(id) ?? name).toBe(name)
      seen.set(id, name)
    }),
    { numRuns: 500 },
  )
})

test('a lone surrogate is refused, because it would be the same lock as every other lone surrogate', () => {
  const lone = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit))
  fc.assert(
    fc.property(
      fc.string({ maxLength: 20 }),
      lone,
      fc.string({ maxLength: 20 }),
      (before, surrogate, after) => {
        expect(() => new KeyEncoder(new PostgresDialect(), '').code(before + surrogate + after)).toThrowError(
          expect.objectContaining({ code: 'INVALID_KEY' }),
        )
      },
    ),
  )
})

test.each<[what: string, key: unknown, message: RegExp]>([
  ['an empty name', '', /must not be empty/],
  ['a name that is too long', 'x'.repeat(MAX_NAME_LENGTH + 1), /may have at most 1024 characters, got 1025/],
  ['NUL in a name', 'a\0b', /NUL/],
  ['half a character', 'a\ud800', /well-formed/],
  ['a number', 7, /write 7n, not 7/],
  ['NaN', Number.NaN, /bigint/],
  ['null', null, /not null/],
  ['undefined', undefined, /not undefined/],
  ['an object', { password: 'secret' }, /not an object/],
  ['a boolean', true, /not true/],
  ['a symbol', Symbol('x'), /not Symbol/],
  ['an array of one', [1], /pair/],
  ['an array of three', [1, 2, 3], /pair/],
  ['a pair of bigints', [1n, 2n], /pair must be two signed 32-bit integers, got 1n/],
  ['a pair of which one is a bigint', [1, 2n], /pair must be .* got 2n/],
  ['a pair of symbols', [Symbol('x'), Symbol('y')], /pair must be .* got Symbol\(x\)/],
  ['a pair of texts', ['1', '2'], /pair must be/],
  ['a pair beyond 32 bits', [0, 2 ** 31], /pair must be .* got 2147483648/],
  ['a pair with a hole', [, 1], /pair must be .* got undefined/], // eslint-disable-line no-sparse-arrays
  ['a pair of objects that are no numbers', [{ valueOf: () => expect.unreachable() }, 1], /pair must be/],
])('%s is no key, for any call, and the server is not asked', async (_, key, message) => {
  const world = fakeWorld()
  const locks = world.pool()

  const errors = await Promise.all([
    rejection(locks.acquire(key as LockKey)),
    rejection(locks.tryAcquire(key as LockKey)),
    rejection(locks.withLock(key as LockKey, () => undefined)),
    rejection(locks.acquireAll([key as LockKey])),
    rejection(locks.leader(key as LockKey)),
    rejection((async () => locks.semaphore(key as LockKey, 1).acquire())()),
    rejection((async () => locks.campaign(key as LockKey).resign())()),
  ])

  for (const error of errors) {
    expect(error).toMatchObject({ code: 'INVALID_KEY', retryable: false })
    expect(error.message).toMatch(message)
    expect(error.message).not.toMatch(/secret/)
  }
  expect(world.server.connections.size).toBe(0)
  expect(locks.snapshot()).toMatchObject({ waiting: 0, keys: [] })
})

test('a name of the maximum length is valid', async () => {
  const lock = await fakeWorld().pool().acquire('x'.repeat(MAX_NAME_LENGTH))

  expect(lock.state).toBe('held')
  await lock.release()
})

test.each<[what: string, options: unknown, message: RegExp]>([
  ['an unknown option', { timeout: 5 }, /unknown option "timeout"/],
  ['a wrong mode', { mode: 'write' }, /"mode" must be "exclusive" or "shared", got "write"/],
  ['a timeout below zero', { timeoutMs: -1 }, /"timeoutMs" must be/],
  ['a fraction of a millisecond', { timeoutMs: 0.5 }, /"timeoutMs" must be an integer/],
  ['a timeout that is no number', { timeoutMs: '5' }, /"timeoutMs".*got "5"/],
  ['NaN', { timeoutMs: Number.NaN }, /got NaN/],
  ['a signal that is none', { signal: {} }, /"signal" must be an AbortSignal, got an object/],
  ['null', null, /options must be an object, got null/],
  ['a number', 5, /options must be an object, got 5/],
  ['several at once', { mode: 1, timeoutMs: -1, waitMs: 2 }, /"waitMs".*"mode".*"timeoutMs"/],
])('%s is refused, and nothing is taken', async (_, options, message) => {
  const world = fakeWorld()
  const locks = world.pool()

  const error = await rejection(locks.acquire('orders', options as object))

  expect(error).toMatchObject({ code: 'INVALID_OPTION', retryable: false })
  expect(error.message).toMatch(message)
  expect(world.server.connections.size).toBe(0)
})

test('the error names every wrong option of a pool, and no right one', () => {
  const wrong = {
    min: 7,
    max: 3.5,
    maxWaiting: -1,
    onExhausted: 'panic',
    acquireTimeoutMs: '30s',
    leaseMs: 999,
    idleTimeoutMs: null,
    maxLifetimeMs: Number.NaN,
    maxHeldLocks: 'all',
    namespace: 5,
    applicationName: 'x'.repeat(64),
    fencing: true,
    maxSize: 1,
    connection: 5,
  }
  const { idleTimeoutMs: _, ...named } = wrong

  const { code, problems } = thrown(() => new LockPool(wrong as never)) as InvalidOptionError

  expect(code).toBe('INVALID_OPTION')
  for (const name of Object.keys(named).filter((each) => each !== 'min')) {
    expect(
      problems.filter((problem) => problem.includes(`"${name}"`)),
      name,
    ).toHaveLength(1)
  }
  expect(problems.join()).not.toMatch(/"min"/)
})

test.each([[null], [5], ['postgres://x'], [[]], [true]])('%j is no set of options', (options) => {
  expect(() => new LockPool(options as never)).toThrowError(
    expect.objectContaining({ code: 'INVALID_OPTION' }),
  )
})

test('a body that is no function is refused before anything is locked', async () => {
  const world = fakeWorld()
  const locks = world.pool()

  expect(await rejection(locks.withLock('orders', {}, undefined as never))).toMatchObject({
    code: 'INVALID_OPTION',
  })

  expect(world.server.connections.size).toBe(0)
})

test('releasing twice, or after the pool was closed, is the same release', async () => {
  const locks = fakeWorld().pool()
  const lock = await locks.acquire('orders')

  const first = lock.release()
  expect(lock.release()).toBe(first)
  await first
  await locks.close()
  expect(lock.release()).toBe(first)
  expect(lock.state).toBe('released')
})

function thrown(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return null
}

test('a namespace with a lone surrogate is refused: it would be the same as every other such namespace', () => {
  for (const namespace of ['\ud800', 'a\udfff', '\udfff\ud800']) {
    expect(() => new LockPool({ connection: 'postgres://nowhere', namespace })).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(/well-formed/) }),
    )
  }
  expect(
    () => new LockPool({ connection: 'postgres://nowhere', namespace: 'tenant \u{1f511}' }),
  ).not.toThrow()
})

test('options in the form of an array are refused, even an empty one', async () => {
  const locks = fakeWorld().pool()
  const array = [] as object
  for (const refused of [
    locks.acquire('a', array),
    locks.tryAcquire('a', array),
    locks.withLock('a', array, () => undefined),
    locks.acquireAll(['a'], array),
    locks.semaphore('a', 1).acquire(array),
  ])
    expect(await rejection(refused)).toMatchObject({ code: 'INVALID_OPTION' })
})
