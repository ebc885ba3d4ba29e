import type { Reader } from './reader.js'
import type { ParameterType, ResultCast } from './statement.js'

/** Types that a cast may name here, and the column name that PostgreSQL gives to the cast. */
const TYPES: ReadonlyMap<string, ParameterType | 'varchar'> = new Map<string, ParameterType | 'varchar'>([
  ['int8', 'int8'],
  ['bigint', 'int8'],
  ['int4', 'int4'],
  ['int', 'int4'],
  ['integer', 'int4'],
  ['int2', 'int2'],
  ['smallint', 'int2'],
  ['text', 'text'],
  ['varchar', 'varchar'],
  ['bool', 'bool'],
  ['boolean', 'bool'],
])

/** Types that are words of the grammar exist only under their short name after `pg_catalog.`. */
const CATALOG_NAMES = new Set(['int8', 'int4', 'int2', 'text', 'varchar', 'bool'])

export type CastType = ParameterType | 'varchar'

/**
 * Reads a type's name. For a type that is not in the table, and for `varchar(3)` and `int[]`, it returns null and reads
 * nothing.
 */
export function readType(reader: Reader): CastType | null {
  const start = reader.at
  const type = readTypeName(reader)
  const goesOn = reader.isOp('(') || reader.isOp('[') || reader.isOp('.') || reader.isWord('array')
  if (type !== null && !goesOn) return type
  reader.at = start
  return null
}

function readTypeName(reader: Reader): CastType | null {
  if (reader.isWord('pg_catalog') && reader.isOp('.', 1)) {
    reader.at += 2
    const name = reader.name()
    return name !== null && CATALOG_NAMES.has(name) ? TYPES.get(name)! : null
  }
  if (reader.words('character', 'varying')) return 'varchar'
  const token = reader.peek()
  if (token === undefined) return null
  // `"int8"` in quotes is the type; PostgreSQL has no type `"integer"` in quotes.
  const isKnown = token.type === 'word' || (token.type === 'name' && CATALOG_NAMES.has(token.value))
  if (!isKnown) return null
  reader.at++
  return TYPES.get(token.value) ?? null
}

export const isResultCast = (type: CastType): type is ResultCast =>
  type === 'text' || type === 'varchar' || type === 'int4' || type === 'bool'

const RANGES = {
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
  int4: [-(2n ** 31n), 2n ** 31n - 1n],
  int2: [-(2n ** 15n), 2n ** 15n - 1n],
} as const

export const fits = (value: bigint, type: 'int8' | 'int4' | 'int2'): boolean =>
  value >= RANGES[type][0] && value <= RANGES[type][1]

export const isInteger = (type: CastType): type is 'int8' | 'int4' | 'int2' =>
  type === 'int8' || type === 'int4' || type === 'int2'
