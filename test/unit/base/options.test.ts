import { describe, expect, test } from 'vitest'
import type { InvalidOptionError } from '../../../src/base/errors.js'
import { resolveOptions, type OptionSpec, type OptionTable } from '../../../src/base/options.js'
import { DASHBOARD_OPTIONS } from '../../../src/dashboard/dashboard-options.js'
import { PostgresDialect } from '../../../src/dialect/postgres/postgres-dialect.js'
import { EMBEDDED_POSTGRES_OPTIONS } from '../../../src/embedded/embedded-postgres-options.js'
import { LOCK_POOL_OPTIONS } from '../../../src/lock/lock-pool-options.js'
import { POOL_OPTIONS, type PoolOptions } from '../../../src/pool/pool-options.js'
import { LockPool } from '../../../src/postgres-lock-pool.js'
import { rejection } from '../../support/fake-world.js'

type AnyTable = Readonly<Record<string, OptionSpec<unknown>>>

const TABLES: readonly (readonly [string, AnyTable])[] = [
  ['LockPoolOptions', LOCK_POOL_OPTIONS],
  ['PoolOptions', POOL_OPTIONS],
  ['EmbeddedPostgresOptions', EMBEDDED_POSTGRES_OPTIONS],
  ['DashboardOptions', DASHBOARD_OPTIONS],
]

const OPTIONS = TABLES.flatMap(([table, specs]) =>
  Object.keys(specs).map((name) => ({ table, specs, name, spec: specs[name]! })),
)

/** Values that are wrong for nearly every option. `isTaken` has the exceptions. */
const NONSENSE: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['NaN', Number.NaN],
  ['a number as text', '5'],
  ['half a number', 1.5],
  ['less than nothing', -1],
  ['minus infinity', -Infinity],
  ['a bigint', 5n],
  ['true as text', 'true'],
  ['an object', {}],
  ['a Number object', new Number(5)],
  ['a list', [5]],
  ['a function', () => 5],
  ['a symbol', Symbol('5')],
]

/** Whether an option accepts a value of `NONSENSE` after all. An option for texts accepts any text. */
function isTaken(name: string, spec: OptionSpec<unknown>, value: unknown): boolean {
  if (name === 'settings') return typeof value === 'object'
  if (name === 'onError') return value === null || typeof value === 'function'
  return typeof spec.default === 'string' && typeof value === 'string' && spec.problem('x') === null
}

describe.each(OPTIONS)('$name of $table', ({ specs, name, spec }) => {
  const resolve = (value: unknown): unknown =>
    (
      resolveOptions({ [name]: value }, specs as OptionTable<Record<string, unknown>>) as Record<
        string,
        unknown
      >
    )[name]

  test('is the default if it is left out, or undefined', () => {
    expect(resolve(undefined)).toEqual(spec.default)
    expect(resolveOptions({}, specs as OptionTable<Record<string, unknown>>)).toHaveProperty(
      name,
      spec.default,
    )
  })

  test.each(NONSENSE)('is not %s', (_, value) => {
    if (isTaken(name, spec, value)) return
    expect(() => resolve(value)).toThrowError(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        problems: [expect.stringContaining(`"${name}" must be`)],
      }),
    )
  })
})

test('inherited options and getters count, and unknown options do not', () => {
  class Options {
    get max(): number {
      return 7
    }
  }
  expect(resolveOptions(new Options(), POOL_OPTIONS).max).toBe(7)
  expect(resolveOptions(Object.create({ max: 8 }) as PoolOptions, POOL_OPTIONS).max).toBe(8)
  expect(() =>
    resolveOptions(new Options(), { ...POOL_OPTIONS, max: { ...POOL_OPTIONS.max, problem: () => 'no' } }),
  ).toThrow(/"max" no/)
})

describe('options of calls', () => {
  const locks = new LockPool({ connection: 'postgres://nowhere.invalid/db', min: 0 })
  const call = locks as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const body = async (): Promise<void> => undefined

  test.each<[string, () => unknown]>([
    ['acquire, options', () => call['acquire']!('k', null)],
    ['acquire, timeoutMs', () => call['acquire']!('k', { timeoutMs: null })],
    ['acquire, mode', () => call['acquire']!('k', { mode: null })],
    ['acquire, signal', () => call['acquire']!('k', { signal: null })],
    ['acquireAll, timeoutMs', () => call['acquireAll']!(['k'], { timeoutMs: null })],
    ['withLock, timeoutMs', () => call['withLock']!('k', { timeoutMs: null }, body)],
    ['semaphore', () => call['semaphore']!('k', null)],
    [
      'a permit',
      () => (call['semaphore']!('k', 2) as unknown as LockPool).acquire({ timeoutMs: null } as never),
    ],
    ['campaign', () => call['campaign']!('k', { name: null })],
    ['campaign, options', () => call['campaign']!('k', null)],
    ['transaction, options', () => call['transaction']!(body, null)],
    ['transaction, retries', () => call['transaction']!(body, { retries: null })],
    ['transaction, isolation', () => call['transaction']!(body, { isolation: null })],
    ['transaction, signal', () => call['transaction']!(body, { signal: null })],
    ['connect', () => locks.connections.connect({ timeoutMs: null } as never)],
    ['use', () => locks.connections.use(body, { timeoutMs: null } as never)],
    ['inspectAll', () => call['inspectAll']!({ timeoutMs: null })],
    ['close', () => call['close']!({ graceMs: null })],
    ['close of the connections', () => locks.connections.close({ graceMs: null } as never)],
  ])('%s: null is refused', async (_, act) => {
    const error = (await rejection((async () => act())())) as unknown as InvalidOptionError
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('null') })
    expect(new PostgresDialect().explain(error)).toBe(error)
  })
})
