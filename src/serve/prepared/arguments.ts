import type { LockKey } from '../../dialect/lock-key.js'
import { SqlError } from '../messages/sql-error.js'
import { fits, TYPE, toInteger, type Value } from '../messages/values.js'
import type { Argument, ArgumentType, Evaluation, ParameterType, SelectStatement } from '../sql/statement.js'
import type { Bound } from './bound.js'

/** Asks the upstream for the values of a `SELECT` of one row, as text. */
export type Evaluate = (evaluation: Evaluation, bound: Bound) => Promise<readonly (string | null)[]>

/** An argument of a lock function. */
export type ArgumentValue = bigint | string | null

/** @throws {SqlError} a value is not valid for its type */
export function localValues(parts: readonly Argument[], bound: Bound): readonly ArgumentValue[] {
  return parts.map((part) => localValue(part, bound))
}

/** PostgreSQL plans at Bind, and applies casts of constants then. @throws {SqlError} */
export function checkCasts({ columns }: SelectStatement, bound: Bound): void {
  for (const { value } of columns) {
    if (value.is !== 'lock' || value.evaluation !== null) continue
    for (const part of value.key) if (part.is === 'parameter' && part.isCast) localValue(part, bound)
  }
}

/** @throws {SqlError} a value is not valid for its type, or the upstream refuses it */
export async function evaluatedValues(
  parts: readonly Argument[],
  evaluation: Evaluation,
  bound: Bound,
  evaluate: Evaluate,
): Promise<readonly ArgumentValue[]> {
  const values = await evaluate(evaluation, bound)
  return parts.map((part, at) => typed(values[at] ?? null, part.type))
}

function localValue(part: Argument, bound: Bound): ArgumentValue {
  if (part.is === 'constant') return part.value
  if (part.is === 'parameter') return typed(casted(bound.value(part.index), part.parameterType), part.type)
  throw new SqlError('XX000', 'an expression has to be evaluated by the upstream')
}

const INTEGER = { int8: TYPE.int8, int4: TYPE.int4 } as const
const NAMES = { int8: 'bigint', int4: 'integer' } as const

/** Applies an explicit cast of a parameter: it parses a text as a number, and checks the range of a number. */
function casted(value: Value, type: ParameterType): Value {
  if (type !== 'int8' && type !== 'int4' && type !== 'int2') return value
  if (typeof value === 'string') return toInteger(value, TYPE[type])
  if (typeof value === 'bigint' && !fits(value, TYPE[type]))
    throw new SqlError('22003', `${CAST_NAMES[type]} out of range`)
  return value
}

const CAST_NAMES = { int8: 'bigint', int4: 'integer', int2: 'smallint' } as const

/** Applies the implicit cast to the type of the argument. */
function typed(value: Value, type: ArgumentType): ArgumentValue {
  if (value === null) return null
  if (type === 'text') return String(value)
  if (typeof value === 'string') return toInteger(value, INTEGER[type])
  if (typeof value === 'boolean') throw new SqlError('42846', `cannot cast type boolean to ${NAMES[type]}`)
  if (!fits(value, INTEGER[type])) throw new SqlError('22003', `${NAMES[type]} out of range`)
  return value
}

/** Null if an argument is NULL: the functions are strict, and do nothing then. */
export function keyOf(values: readonly ArgumentValue[]): LockKey | null {
  if (values.some((value) => value === null)) return null
  const [first, second] = values as bigint[]
  return second === undefined ? first! : [Number(first), Number(second)]
}
