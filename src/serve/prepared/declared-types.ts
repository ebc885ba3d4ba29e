import { SqlError } from '../messages/sql-error.js'
import { TYPE } from '../messages/values.js'
import { acceptsOid } from '../sql/parameter-types.js'
import type { Argument, Statement } from '../sql/statement.js'

/**
 * Checks that PostgreSQL would implicitly cast the declared types to those of the function.
 *
 * @throws {SqlError} 42883
 */
export function checkDeclared(statement: Statement, declared: readonly number[]): void {
  if (statement.kind !== 'select') return
  for (const { value } of statement.columns) {
    if (value.is !== 'lock' && value.is !== 'own' && value.is !== 'set-config') continue
    const wrong = argumentsOf(value).some(
      (part) => part.is === 'parameter' && !acceptsOid(part, declared[part.index - 1] ?? 0),
    )
    if (!wrong) continue
    throw new SqlError('42883', `function ${inWords(value, declared)} does not exist`, {
      hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
    })
  }
}

type Call = Extract<
  Extract<Statement, { kind: 'select' }>['columns'][number]['value'],
  { is: 'lock' | 'own' | 'set-config' }
>

function argumentsOf(call: Call): readonly Argument[] {
  if (call.is === 'lock') return call.key
  if (call.is === 'set-config') return [call.value]
  const { name, permits, timeout_ms: timeout } = call.arguments
  return [name, permits, timeout].filter((part) => part !== undefined)
}

/** PostgreSQL's names of the types that drivers declare for a key. */
const NAMES: Readonly<Record<number, string>> = {
  16: 'boolean',
  17: 'bytea',
  20: 'bigint',
  21: 'smallint',
  23: 'integer',
  25: 'text',
  700: 'real',
  701: 'double precision',
  1042: 'character',
  1043: 'character varying',
  1114: 'timestamp without time zone',
  1184: 'timestamp with time zone',
  1700: 'numeric',
  2950: 'uuid',
}

function inWords(call: Call, declared: readonly number[]): string {
  const types = typesOf(call, declared)
  if (call.is === 'set-config') return `set_config(unknown, ${types}, boolean)`
  return `${call.function}(${types})`
}

function typesOf(call: Call, declared: readonly number[]): string {
  const named = argumentsOf(call).map((part) => {
    if (part.is !== 'parameter') return NAMES[TYPE[part.type]]
    return NAMES[declared[part.index - 1] ?? 0] ?? 'unknown'
  })
  return named.join(', ')
}
