/** Random expressions and lock calls, in all notations that PostgreSQL knows. */
import type { SeededRandom } from '../../src/testing/seeded-random.js'

export const FUNCTIONS: readonly string[] = [
  'pg_advisory_lock',
  'pg_advisory_lock_shared',
  'pg_try_advisory_lock',
  'pg_try_advisory_lock_shared',
  'pg_advisory_xact_lock',
  'pg_advisory_xact_lock_shared',
  'pg_try_advisory_xact_lock',
  'pg_try_advisory_xact_lock_shared',
  'pg_advisory_unlock',
  'pg_advisory_unlock_shared',
  'pg_advisory_unlock_all',
]

const OWN = ['acquire', 'try_acquire', 'release', 'permit', 'token']

type Rule = string | ((random: SeededRandom) => string)

export const one = (random: SeededRandom, rules: readonly Rule[]): string => {
  const rule = random.pick(rules)
  return typeof rule === 'string' ? rule : rule(random)
}

export const several = (random: SeededRandom, most: number, make: () => string, between: string): string =>
  Array.from({ length: 1 + random.below(most) }, make).join(between)

/** White space and comments. Some contain characters that would end the comment or string of a simple scanner. */
export function gap(random: SeededRandom): string {
  if (random.chance(0.7)) return ' '
  return one(random, [
    '',
    '\n',
    '\t',
    '\f',
    ' /* x */ ',
    '/* /* nested */ pg_advisory_lock(1) */',
    "/* ' */",
    ' -- it\n',
    " -- '\n",
    ' --\r',
    ' /* $$ */ ',
    '/**/',
    '/*\n--*/',
  ])
}

/** The name in another notation. A few results are different names. */
function disguised(random: SeededRandom, name: string): string {
  return one(random, [
    name,
    name,
    name,
    name.toUpperCase(),
    (r) => name.replaceAll(/[a-z]/g, (letter) => (r.chance(0.5) ? letter.toUpperCase() : letter)),
    `"${name}"`,
    (r) => `U&"${escaped(r, name, '\\')}"`,
    (r) => `u&"${escaped(r, name, '!')}"${r.pick(['', ' ', '\n'])}UESCAPE${r.pick(['', ' ', '\n'])}'!'`,
    (r) => `U&"${escaped(r, name, '\\')}" uescape ${r.pick(["'\\'", "'x'", "E'\\\\'", '$$!$$'])}`,
    `"${name.toUpperCase()}"`,
    `${name}$`,
    `"${name}" `,
  ])
}

export function escaped(random: SeededRandom, name: string, escape: string): string {
  return Array.from(name, (letter) => {
    if (random.chance(0.7)) return letter
    const hex = letter.codePointAt(0)!.toString(16)
    return random.chance(0.5) ? `${escape}${hex.padStart(4, '0')}` : `${escape}+${hex.padStart(6, '0')}`
  }).join('')
}

const CONSTANTS: readonly Rule[] = [
  '1',
  '42',
  '-7',
  '- 7',
  '+3',
  '007',
  '0x1F',
  '1_000',
  '2147483647',
  '2147483648',
  '-2147483648',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '1.5',
  '1e3',
  '.5',
  'NULL',
  "'42'",
  "' 42 '",
  "'-42'",
  "'4' \n '2'",
  "E'42'",
  "E'\\064\\x32'",
  "U&'\\0034\\0032'",
  '$$42$$',
  '$a$42$a$',
  "B'101'",
  "X'1F'",
  "N'42'",
  "'it''s'",
  "E'it\\'s'",
  "'\\'",
  "'a' -- b\n 'c'",
  '$1',
  '$2',
  '$1',
  'true',
]

export const TYPES: readonly string[] = [
  'bigint',
  'int8',
  'int',
  'integer',
  'int4',
  'smallint',
  'int2',
  'text',
  'pg_catalog.int8',
  'character varying',
  'varchar(3)',
  'numeric',
  'int[]',
  'regclass',
  '"int8"',
  'oid',
  'bool',
]

export function expression(random: SeededRandom, depth = 0): string {
  if (depth > 2 || random.chance(0.5)) return one(random, CONSTANTS)
  const inner = (): string => expression(random, depth + 1)
  return one(random, [
    () => `(${gap(random)}${inner()}${gap(random)})`,
    () => `${inner()}${gap(random)}::${gap(random)}${random.pick(TYPES)}`,
    () => `CAST(${inner()} AS ${random.pick(TYPES)})`,
    () => `hashtext(${inner()})`,
    () => `-${inner()}`,
    () => `${inner()} ${random.pick(['+', '-', '*', '||', '#', '@-', '<=', '&', '%'])} ${inner()}`,
    () => `CASE WHEN ${inner()} THEN 1 ELSE 2 END`,
    () => `(SELECT ${inner()})`,
    () => `coalesce(${inner()}, ${inner()})`,
    () => `ARRAY[${inner()}]`,
    () => `(ARRAY[${inner()}, 2])[1]`,
    () => call(random, depth + 1),
    () => `'x' COLLATE "C"`,
    () => `f(VARIADIC ${inner()})`,
    () => `count(*) FILTER (WHERE ${inner()})`,
    () => `x.y`,
    () => `(${inner()}, ${inner()})`,
  ])
}

const KEYS: readonly Rule[] = [
  '1',
  '-7',
  "'42'",
  '$1',
  '$2',
  '1::int',
  '$1::bigint',
  "('42'::int8)",
  'CAST($1 AS int4)',
  'NULL',
  "hashtext('a')",
  '9223372036854775807',
  (random) => `${gap(random)}${one(random, CONSTANTS)}${gap(random)}`,
]

/** A call as programs write it. */
export function plainCall(random: SeededRandom): string {
  const key = (): string => one(random, KEYS)
  if (random.chance(0.2))
    return one(random, [
      () => `lockpool.acquire(${random.pick(["'a'", '$1'])}, ${key()})`,
      () => `lockpool.release('a')`,
      () => `lockpool.permit($1, permits => ${key()}, timeout_ms => 10)`,
    ])
  const name = random.pick(FUNCTIONS)
  const args = name.endsWith('_all') ? '' : random.chance(0.6) ? key() : `${key()}, ${key()}`
  const schema = random.pick(['', '', 'pg_catalog.'])
  return `${schema}${random.chance(0.7) ? name : disguised(random, name)}(${args})`
}

export function call(random: SeededRandom, depth = 0): string {
  if (random.chance(0.15)) return ownCall(random, depth)
  const schema = one(random, [
    '',
    '',
    '',
    'pg_catalog.',
    'pg_catalog . ',
    '"pg_catalog".',
    'public.',
    'PG_CATALOG.',
    'a.pg_catalog.',
    'U&"pg\\005fcatalog".',
  ])
  const count = random.pick([0, 1, 1, 1, 1, 2, 2, 3])
  const list = Array.from({ length: count }, () => `${gap(random)}${expression(random, depth)}`).join(',')
  const name = random.pick(FUNCTIONS)
  const args = name.endsWith('_all') && random.chance(0.8) ? '' : list
  return `${schema}${disguised(random, name)}${random.pick(['', '', ' ', '/**/'])}(${args})`
}

function ownCall(random: SeededRandom, depth: number): string {
  const args = several(
    random,
    3,
    () =>
      `${random.pick(['', '', '', 'name => ', 'timeout_ms => ', 'permits := ', 'x => '])}${expression(random, depth)}`,
    ', ',
  )
  return `lockpool${gap(random)}.${random.pick(OWN)}(${args})`
}
