import { isPure } from './pure.js'
import { Reader } from './reader.js'
import type { Argument, ArgumentType } from './statement.js'
import { suspicionOf } from './suspicion.js'
import type { Token } from './token.js'
import { fits, isInteger, readType, type CastType } from './types.js'

/** An argument with what its evaluation needs. */
export interface ReadArgument {
  readonly argument: Argument
  readonly source: string
  /** Numbers of the parameters in it. */
  readonly parameters: readonly number[]
  readonly isPure: boolean
}

/** A constant or a parameter, before it is cast to the argument type of a function. */
type Simple =
  | { readonly is: 'integer'; readonly value: bigint }
  | { readonly is: 'string'; readonly value: string }
  | { readonly is: 'null' }
  | { readonly is: 'parameter'; readonly index: number }

/**
 * Reads the tokens of one argument. Null if it may contain a lock call, or syntax that is only valid in calls (`DISTINCT`,
 * `name => value`).
 */
export function readArgument(
  tokens: readonly Token[],
  text: string,
  type: ArgumentType,
): ReadArgument | null {
  if (tokens.length === 0 || !isExpression(tokens)) return null
  const source = text.slice(tokens[0]!.start, tokens.at(-1)!.end)
  const parameters = tokens.filter((token) => token.type === 'param').map(({ value }) => Number(value))
  const argument = readSimple(tokens, text, type) ?? ({ is: 'expression', type, text: source } as const)
  return { argument, source, parameters, isPure: argument.is !== 'expression' || isPure(tokens) }
}

function isExpression(tokens: readonly Token[]): boolean {
  const isStrange = tokens.some(
    ({ type, value, isUnsure }) =>
      type === 'junk' ||
      (isUnsure && type !== 'string') ||
      (type === 'op' && (value === '=>' || value === ':=' || value === ';')) ||
      (type === 'word' && ['variadic', 'order', 'distinct', 'all', 'into'].includes(value)),
  )
  return !isStrange && suspicionOf(tokens) === null
}

/** A constant or a parameter, also with parentheses or casts; null if the upstream must evaluate it. */
function readSimple(tokens: readonly Token[], text: string, type: ArgumentType): Argument | null {
  const reader = new Reader(text, tokens)
  const casts: CastType[] = []
  const value = readCasted(reader, casts)
  if (value === null || !reader.isDone) return null
  return value.is === 'parameter'
    ? parameterArgument(value.index, casts, type)
    : constantArgument(value, casts, type)
}

/** PostgreSQL reads `-1::int8` as `-(1::int8)`. That is the same number, except at the end of the range. */
function readCasted(reader: Reader, casts: CastType[]): Simple | null {
  const value = readInner(reader, casts)
  if (value === null) return null
  while (reader.op('::')) {
    const cast = readType(reader)
    if (cast === null) return null
    casts.push(cast)
  }
  return value
}

function readInner(reader: Reader, casts: CastType[]): Simple | null {
  if (reader.isWord('cast') && reader.isOp('(', 1)) return readCastCall(reader, casts)
  if (reader.op('(')) {
    const value = readCasted(reader, casts)
    return value !== null && reader.op(')') ? value : null
  }
  if (reader.op('-')) return readNegative(reader)
  return readLiteral(reader)
}

function readCastCall(reader: Reader, casts: CastType[]): Simple | null {
  reader.at += 2
  const value = readCasted(reader, casts)
  if (value === null || reader.word('as') === null) return null
  const cast = readType(reader)
  if (cast === null || !reader.op(')')) return null
  casts.push(cast)
  return value
}

function readNegative(reader: Reader): Simple | null {
  const value = readLiteral(reader)
  return value?.is === 'integer' ? { is: 'integer', value: -value.value } : null
}

function readLiteral(reader: Reader): Simple | null {
  const token = reader.peek()
  if (token === undefined || token.isUnsure) return null
  reader.at++
  if (token.type === 'param') return { is: 'parameter', index: Number(token.value) }
  if (token.type === 'number' && /^\d+$/.test(token.value))
    return { is: 'integer', value: BigInt(token.value) }
  if (token.type === 'string') return { is: 'string', value: token.value }
  return token.type === 'word' && token.value === 'null' ? { is: 'null' } : null
}

function parameterArgument(index: number, casts: readonly CastType[], type: ArgumentType): Argument | null {
  const [cast] = casts
  if (cast === undefined) return { is: 'parameter', type, index, parameterType: type, isCast: false }
  if (casts.length > 1 || cast === 'varchar' || !castsTo(cast, type)) return null
  return { is: 'parameter', type, index, parameterType: cast, isCast: true }
}

/** Whether PostgreSQL casts this implicitly to an argument of a function. */
const castsTo = (from: CastType, to: ArgumentType): boolean => {
  if (to === 'text') return from === 'text'
  return isInteger(from) && (to === 'int8' || from !== 'int8')
}

function constantArgument(
  value: Exclude<Simple, { is: 'parameter' }>,
  casts: readonly CastType[],
  type: ArgumentType,
): Argument | null {
  if (casts.some((cast) => cast !== 'varchar' && !castsTo(cast, type))) return null
  if (type === 'text') {
    if (value.is === 'integer') return null
    return { is: 'constant', type, value: value.is === 'null' ? null : value.value }
  }
  if (value.is === 'null') return casts.includes('varchar') ? null : { is: 'constant', type, value: null }
  const number = integerOf(value)
  const isRight = number !== null && casts.every((cast) => isInteger(cast) && fits(number, cast))
  if (!isRight || !fits(number, type)) return null
  if (value.is === 'integer' && !staysInRange(number, casts)) return null
  return { is: 'constant', type, value: number }
}

/** A string is read like `int8in` reads it. Older and newer servers agree only on digits. */
function integerOf(value: Exclude<Simple, { is: 'parameter' }>): bigint | null {
  if (value.is === 'integer') return value.value
  if (value.is === 'null') return null
  const digits = /^[ \t\n\r\f\v]*([-+]?\d{1,19})[ \t\n\r\f\v]*$/.exec(value.value)?.[1]
  return digits === undefined ? null : BigInt(digits.replace('+', ''))
}

/** A cast is applied before the sign, and 32768 is no int2. So the server decides about `-32768::int2`. */
const staysInRange = (value: bigint, casts: readonly CastType[]): boolean =>
  casts.every((cast) => !isInteger(cast) || fits(-value, cast))
