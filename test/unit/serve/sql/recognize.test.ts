import { describe, expect, test } from 'vitest'
import { recognize } from '../../../../src/serve/sql/recognize.js'
import type { LockCall, Statement } from '../../../../src/serve/sql/statement.js'

const all = (text: string): readonly Statement[] => {
  const { statements, problem } = recognize(text, { standardConformingStrings: true })
  expect(problem).toBeNull()
  return statements
}

const one = (text: string): Statement => {
  const statements = all(text)
  expect(statements).toHaveLength(1)
  return statements[0]!
}

/** A lock call in a few words: `lock session exclusive 42`. */
function words(text: string): readonly string[] {
  const statement = one(text)
  if (statement.kind !== 'select') return [statement.kind]
  return statement.columns.map(({ name, value, cast, isHidden }) => {
    const said =
      value.is === 'lock' ? callWords(value) : value.is === 'constant' ? `constant ${value.text}` : value.is
    return `${isHidden ? 'hidden ' : ''}${name}: ${said}${cast === null ? '' : ` as ${cast}`}`
  })
}

const callWords = ({ action, scope, mode, key }: LockCall): string =>
  [
    action,
    scope,
    mode,
    ...key.map((part) =>
      part.is === 'constant'
        ? `${part.value}`
        : part.is === 'parameter'
          ? `$${part.index} ${part.parameterType}`
          : `{${part.text}}`,
    ),
  ].join(' ')

describe('a lock call', () => {
  test.each([
    ['SELECT pg_advisory_lock(42)', 'pg_advisory_lock: lock session exclusive 42'],
    ['select PG_TRY_ADVISORY_LOCK ( -7 ) ;', 'pg_try_advisory_lock: try session exclusive -7'],
    ['SELECT pg_advisory_lock_shared(1, 2)', 'pg_advisory_lock_shared: lock session shared 1 2'],
    ['SELECT pg_catalog . pg_advisory_xact_lock(1)', 'pg_advisory_xact_lock: lock transaction exclusive 1'],
    [
      'SELECT "pg_try_advisory_xact_lock_shared"(1)',
      'pg_try_advisory_xact_lock_shared: try transaction shared 1',
    ],
    ['SELECT pg_advisory_unlock(1::bigint)', 'pg_advisory_unlock: unlock session exclusive 1'],
    ["SELECT pg_advisory_unlock_shared(('42'::int8))", 'pg_advisory_unlock_shared: unlock session shared 42'],
    ['SELECT pg_advisory_unlock_all()', 'pg_advisory_unlock_all: unlock-all session exclusive'],
    ["SELECT pg_advisory_lock('42') AS x", 'x: lock session exclusive 42'],
    ['SELECT pg_advisory_lock(CAST(42 AS integer)) locked', 'locked: lock session exclusive 42'],
    ['SELECT pg_advisory_lock($1)', 'pg_advisory_lock: lock session exclusive $1 int8'],
    ['SELECT pg_advisory_lock($1::int2)', 'pg_advisory_lock: lock session exclusive $1 int2'],
    ['SELECT pg_advisory_lock($1, $2)', 'pg_advisory_lock: lock session exclusive $1 int4 $2 int4'],
    ['SELECT pg_advisory_lock(NULL)', 'pg_advisory_lock: lock session exclusive null'],
    ['SELECT pg_advisory_lock(1)::text', 'pg_advisory_lock: lock session exclusive 1 as text'],
    ['SELECT CAST(pg_try_advisory_lock(1) AS int)', 'pg_try_advisory_lock: try session exclusive 1 as int4'],
    ['SELECT * FROM pg_try_advisory_lock(1)', 'pg_try_advisory_lock: try session exclusive 1'],
    ['SELECT * FROM pg_try_advisory_lock(1) AS x LIMIT 1', 'x: try session exclusive 1'],
    ['SELECT * FROM pg_try_advisory_lock(1) AS x (y)', 'y: try session exclusive 1'],
    ['SELECT U&"pg\\005fadvisory_lock"(1)', 'pg_advisory_lock: lock session exclusive 1'],
    [
      'SELECT pg_advisory_lock(-9223372036854775808)',
      'pg_advisory_lock: lock session exclusive -9223372036854775808',
    ],
    // Drivers and frameworks write these.
    ['SELECT pg_advisory_lock(-2009270675) ', 'pg_advisory_lock: lock session exclusive -2009270675'],
    [
      'SELECT pg_try_advisory_lock(705848443,0) AS t2c1e /* name */',
      't2c1e: try session exclusive 705848443 0',
    ],
    [
      'SELECT pg_try_advisory_xact_lock(42) AS pg_try_advisory_xact_lock_1',
      'pg_try_advisory_xact_lock_1: try transaction exclusive 42',
    ],
    ['SELECT pg_advisory_lock(72707369)', 'pg_advisory_lock: lock session exclusive 72707369'],
  ])('%s is %s', (text, said) => {
    expect(words(text)).toEqual([said])
  })

  test('stands next to constants and other calls, in their order', () => {
    expect(words('SELECT 1 AS one, pg_try_advisory_lock(2) AS locked, pg_advisory_unlock(3)')).toEqual([
      'one: constant 1',
      'locked: try session exclusive 2',
      'pg_advisory_unlock: unlock session exclusive 3',
    ])
  })

  test('in FROM runs before the constants of the list, and has no column', () => {
    expect(words('SELECT 1 AS one FROM pg_advisory_xact_lock(7)')).toEqual([
      'hidden pg_advisory_xact_lock: lock transaction exclusive 7',
      'one: constant 1',
    ])
  })

  test('with an expression is evaluated with the types of the function', () => {
    const statement = one("SELECT pg_advisory_lock(hashtext('a' || $1), $2)")
    expect(statement).toMatchObject({
      kind: 'select',
      locks: true,
      parameters: ['unknown', 'int4'],
      columns: [
        {
          value: {
            key: [
              { is: 'expression', text: "hashtext('a' || $1)" },
              { is: 'parameter', index: 2 },
            ],
            evaluation: {
              text: "SELECT pg_catalog.int4up(hashtext('a' || $1)), pg_catalog.int4up($2)",
              parameters: [1, 2],
              isPure: true,
            },
          },
        },
      ],
    })
  })

  test.each([
    '1.5',
    '9223372036854775808',
    "'x'",
    '1_000',
    '0x1F',
    "'7'::text",
    '-(7)',
    '1 /* x */ + 2',
    '(SELECT 7)',
  ])('with %s leaves the key to the server', (key) => {
    expect(words(`SELECT pg_advisory_lock(${key})`)).toEqual([
      `pg_advisory_lock: lock session exclusive {${key}}`,
    ])
  })

  test.each([
    ["hashtext('a')", true],
    ["('x' || substr(md5($1), 1, 16))::bit(64)::bigint", true],
    ["pg_catalog.hashtextextended('a', 0)", true],
    ['CASE WHEN $1 > 1 THEN 2 ELSE abs(-3) END', true],
    ['length(pg_read_file($1))', false],
    ['my_key(1)', false],
    ['"hashtext"(1)', false],
    ['(SELECT 1)', false],
    ['current_user', false],
    ['1 @@@ 2', false],
  ])('with %s only computes: %s', (key, isPure) => {
    expect(one(`SELECT pg_advisory_lock(${key})`)).toMatchObject({
      columns: [{ value: { evaluation: { isPure } } }],
    })
  })

  test('says which types its parameters have', () => {
    expect(one('SELECT pg_advisory_lock($2), pg_advisory_unlock($3, 1), $4')).toMatchObject({
      parameters: ['unknown', 'int8', 'int4', 'text'],
      parameterCount: 4,
    })
  })
})

describe("lockpool's own functions", () => {
  test('have arguments by position and by name', () => {
    const text = "SELECT lockpool.acquire('invoice 4711', timeout_ms => 5000) AS token"
    expect(one(text)).toMatchObject({
      locks: true,
      columns: [
        {
          name: 'token',
          value: {
            is: 'own',
            function: 'acquire',
            arguments: {
              name: { is: 'constant', type: 'text', value: 'invoice 4711' },
              timeout_ms: { is: 'constant', type: 'int4', value: 5000n },
            },
            evaluation: null,
          },
        },
      ],
    })
  })

  test('have parameters', () => {
    const statement = one('SELECT lockpool.permit($1, $2, $3)')
    expect(statement).toMatchObject({ parameters: ['text', 'int4', 'int4'] })
  })

  test.each([
    'SELECT lockpool.acquire()',
    "SELECT lockpool.acquire('a', 1, 2)",
    "SELECT lockpool.permit('gpu')",
    "SELECT lockpool.acquire(timeout_ms => 1, 'a')",
    "SELECT lockpool.acquire('a', name => 'b')",
    "SELECT lockpool.acquire(nam => 'b')",
    "SELECT 1 WHERE lockpool.acquire('a') > 0",
  ])('are not called by %s', (text) => {
    expect(one(text)).toMatchObject({ kind: 'suspicious', reason: 'shape' })
  })
})

describe('a query string', () => {
  test.each(['', ' ', ';', ' ; ;', '-- ping', '/* DBD::Pg ping test */'])('%j is empty', (text) => {
    expect(all(text)).toEqual([])
  })

  test('is parted at its semicolons', () => {
    const text = "SELECT ';'; SELECT pg_advisory_unlock_all();\nCLOSE ALL;UNLISTEN *;RESET ALL;"
    expect(all(text).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      "select SELECT ';'",
      'select SELECT pg_advisory_unlock_all()',
      'named CLOSE ALL',
      'named UNLISTEN *',
      'reset RESET ALL',
    ])
  })

  test('that PostgreSQL would not read has its place, in characters', () => {
    const { statements, problem } = recognize("SELECT '😀', 'open", { standardConformingStrings: true })
    expect(statements).toEqual([])
    expect(problem).toEqual({ message: 'unterminated quoted string', position: 13 })
  })
})
