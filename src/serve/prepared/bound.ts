import { formatAt, type BindMessage } from '../messages/frontend.js'
import { SqlError } from '../messages/sql-error.js'
import { decodeParameter, isReadHere, TYPE, type Value } from '../messages/values.js'
import type { ParameterType, Statement } from '../sql/statement.js'

/** The parameters of one execution. */
export interface Bound {
  /** The value of `$n`, from 1. @throws {SqlError} the value is not valid for its type */
  readonly value: (index: number) => Value
  readonly types: readonly number[]
  /** The message of the client; null in the simple protocol. */
  readonly message: BindMessage | null
}

export const UNBOUND: Bound = {
  value: (index) => {
    throw new SqlError('42P02', `there is no parameter $${index}`)
  },
  types: [],
  message: null,
}

/** @throws {SqlError} 08P01 if the number of parameters is wrong */
export function bind(message: BindMessage, types: readonly number[], statementName: string): Bound {
  if (message.values.length !== types.length)
    throw new SqlError(
      '08P01',
      `bind message supplies ${message.values.length} parameters, but prepared statement "${statementName}" requires ${types.length}`,
    )
  return {
    types,
    message,
    value: (index) => {
      const at = index - 1
      return decodeParameter(message.values[at] ?? null, types[at]!, formatAt(message.formats, at), index)
    },
  }
}

/** PostgreSQL reads values at Bind, so a wrong one fails there. @throws {SqlError} */
export function checkValues({ types, value }: Bound): void {
  for (const [at, type] of types.entries()) if (isReadHere(type)) value(at + 1)
}

/** Null if only the upstream knows the type. */
const TYPE_OF: Readonly<Record<ParameterType, number | null>> = {
  int8: TYPE.int8,
  int4: TYPE.int4,
  int2: TYPE.int2,
  text: TYPE.text,
  bool: TYPE.bool,
  unknown: null,
}

/** The type of each parameter: declared by the client, or else inferred; null if only the upstream knows it. */
export function parameterTypes(statement: Statement, declared: readonly number[]): (number | null)[] {
  const inferred = statement.kind === 'select' ? statement.parameters : []
  const count = Math.max(statement.parameterCount, declared.length)
  return Array.from({ length: count }, (_, at) => {
    const given = declared[at] ?? 0
    if (given !== 0 && given !== TYPE.unknown) return given
    return TYPE_OF[inferred[at] ?? 'unknown']
  })
}
