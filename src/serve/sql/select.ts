/**
 * Reads the kinds of SELECT that are known for certain: a list of calls, constants and parameters, or one call in FROM. Each
 * returns exactly one row. Any other syntax is unknown.
 */
import { readCall } from './call.js'
import { readAlias, readBareAlias, readPlainName } from './names.js'
import type { Reader } from './reader.js'
import type { Argument, Column, LockCall, OwnCall, ParameterType, ResultCast } from './statement.js'
import { isResultCast, readType } from './types.js'
import { readValue } from './value.js'

/** In backquotes, because a check of imports would mistake it for an import in other quotes. */
const FROM = `from`

export interface KnownSelect {
  readonly columns: readonly Column[]
  readonly locks: boolean
  readonly parameters: readonly ParameterType[]
}

/** Null for any other syntax. */
export function readSelect(reader: Reader): KnownSelect | null {
  if (reader.word('select') === null) return null
  reader.word('all')
  const columns = reader.isOp('*') ? readStar(reader) : readList(reader)
  if (columns === null || !readLimit(reader) || !reader.isDone) return null
  const parameters = parametersOf(columns)
  if (parameters === null) return null
  return {
    columns,
    locks: columns.some(({ value }) => value.is === 'lock' || value.is === 'own'),
    parameters,
  }
}

/** `SELECT * FROM pg_advisory_lock(42) AS x` */
function readStar(reader: Reader): readonly Column[] | null {
  reader.at++
  const from = readFrom(reader)
  return from === null ? null : [{ ...from, isHidden: false }]
}

function readList(reader: Reader): readonly Column[] | null {
  const columns: Column[] = []
  do {
    const column = readColumn(reader)
    if (column === null) return null
    columns.push(column)
  } while (reader.op(','))
  if (!reader.isWord(FROM)) return columns
  // Only constants are allowed next to it, because the order in which other calls would run is uncertain.
  if (columns.some(({ value }) => value.is !== 'constant')) return null
  const from = readFrom(reader)
  return from === null ? null : [{ ...from, isHidden: true }, ...columns]
}

/** `FROM call [[AS] alias [(column)]]`. The name of the column is the alias, or the function. */
function readFrom(reader: Reader): Omit<Column, 'isHidden'> | null {
  if (reader.word(FROM) === null) return null
  const call = readCall(reader)
  if (call === null) return null
  const alias = readAlias(reader)
  let name = alias ?? call.function
  if (alias !== null && reader.op('(')) {
    name = readPlainName(reader) ?? ''
    if (name === '' || !reader.op(')')) return null
  }
  return { name: truncated(name), value: call, cast: null }
}

function readColumn(reader: Reader): Column | null {
  const value = readCasted(reader)
  if (value === null) return null
  const alias = readBareAlias(reader)
  return { ...value, name: truncated(alias ?? value.name), isHidden: false }
}

type Unnamed = Pick<Column, 'name' | 'value' | 'cast'>

/** A value in parentheses, `CAST(... AS type)` or followed by `::type`. */
function readCasted(reader: Reader): Unnamed | null {
  const inner = readInner(reader)
  return inner !== null && reader.op('::') ? casted(inner, reader) : inner
}

function readInner(reader: Reader): Unnamed | null {
  if (reader.op('(')) {
    const value = readCasted(reader)
    return value !== null && reader.op(')') ? value : null
  }
  if (reader.isWord('cast') && reader.isOp('(', 1)) {
    reader.at += 2
    const value = readCasted(reader)
    if (value === null || reader.word('as') === null) return null
    const cast = casted(value, reader)
    return cast !== null && reader.op(')') ? cast : null
  }
  const call = readCall(reader)
  if (call !== null) return { name: call.function, value: call, cast: null }
  const value = readValue(reader)
  return value === null ? null : { ...value, cast: null }
}

/** One cast, of a call or a parameter. */
function casted(inner: Unnamed, reader: Reader): Unnamed | null {
  const type = readType(reader)
  if (type === null || inner.cast !== null) return null
  const { value } = inner
  if (value.is === 'parameter' && type !== 'varchar')
    return { ...inner, name: type, value: { ...value, type } }
  if (value.is !== 'lock' && value.is !== 'own') return null
  return isResultCast(type) && allowsCast(value, type) ? { ...inner, cast: type } : null
}

/** Whether the result of the call can be cast: `void`, `bool`, or a number of lockpool's functions. */
function allowsCast(call: LockCall | OwnCall, type: ResultCast): boolean {
  if (type === 'text' || type === 'varchar') return true
  return call.is === 'lock' && (call.action === 'try' || call.action === 'unlock')
}

/** There is only one row, so a limit of at least one changes nothing. */
function readLimit(reader: Reader): boolean {
  if (reader.word('limit') === null) return true
  const token = reader.peek()
  reader.at++
  return token?.type === 'number' && /^[1-9]\d{0,8}$/.test(token.value)
}

/** Null if a parameter has two types, which only PostgreSQL can resolve. */
function parametersOf(columns: readonly Column[]): readonly ParameterType[] | null {
  const types: ParameterType[] = []
  for (const { index, type } of columns.flatMap(({ value }) => parametersIn(value))) {
    if (index < 1 || index > 65_535) return null
    while (types.length < index) types.push('unknown')
    const known = types[index - 1]!
    if (known !== 'unknown' && type !== 'unknown' && known !== type) return null
    if (known === 'unknown') types[index - 1] = type
  }
  return types
}

function parametersIn(
  value: Column['value'],
): readonly { readonly index: number; readonly type: ParameterType }[] {
  if (value.is === 'parameter') return [value]
  if (value.is === 'set-config') return parametersAmong([value.value])
  if (value.is !== 'lock' && value.is !== 'own') return []
  const given = value.is === 'lock' ? value.key : Object.values(value.arguments)
  const inExpressions = (value.evaluation?.parameters ?? []).map(
    (index) => ({ index, type: 'unknown' }) as const,
  )
  return [...parametersAmong(given), ...inExpressions]
}

function parametersAmong(
  given: readonly Argument[],
): { readonly index: number; readonly type: ParameterType }[] {
  return given.flatMap((argument) =>
    argument.is === 'parameter' ? [{ index: argument.index, type: argument.parameterType }] : [],
  )
}

/** A name has at most 63 bytes. */
function truncated(name: string): string {
  if (name.length <= 21) return name
  let cut = name
  while (Buffer.byteLength(cut) > 63) cut = cut.slice(0, -1)
  return cut.replace(/[\uD800-\uDBFF]$/, '')
}
