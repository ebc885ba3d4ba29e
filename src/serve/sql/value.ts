import type { Reader } from './reader.js'
import type { Argument, ColumnValue, ConstantValue, SessionFunction } from './statement.js'
import { fits } from './types.js'

interface NamedValue {
  /** PostgreSQL's name of the column. */
  readonly name: string
  readonly value: ColumnValue
}

const UNNAMED = '?column?'

/**
 * A constant, a parameter or a function about the session. For anything else null; then the position of the reader is
 * undefined.
 */
export function readValue(reader: Reader): NamedValue | null {
  const token = reader.peek()
  if (token === undefined || token.isUnsure) return null
  if (token.type === 'word' || token.type === 'name') return readWordValue(reader)
  reader.at++
  if (token.type === 'string') return constant('text', token.value)
  if (token.type === 'number') return number(token.value, '')
  if (token.type === 'op' && token.value === '-' && reader.peek()?.type === 'number')
    return number(reader.tokens[reader.at++]!.value, '-')
  if (token.type !== 'param') return null
  return { name: UNNAMED, value: { is: 'parameter', index: Number(token.value), type: 'text' } }
}

function number(digits: string, sign: '' | '-'): NamedValue | null {
  if (!/^\d+$/.test(digits)) return null
  const value = BigInt(sign + digits)
  if (fits(value, 'int4')) return constant('int4', String(value))
  return fits(value, 'int8') ? constant('int8', String(value)) : null
}

const constant = (type: ConstantValue['type'], text: string | null): NamedValue => ({
  name: UNNAMED,
  value: { is: 'constant', type, text },
})

function readWordValue(reader: Reader): NamedValue | null {
  if (reader.word('true') !== null) return { ...constant('bool', 't'), name: 'bool' }
  if (reader.word('false') !== null) return { ...constant('bool', 'f'), name: 'bool' }
  if (reader.word('null') !== null) return constant('text', null)
  const special = reader.word('current_user', 'session_user')
  if (special !== null) return about(special as SessionFunction)
  if (reader.isWord('pg_catalog') && reader.isOp('.', 1)) reader.at += 2
  if (reader.word('set_config') !== null) return readSetConfig(reader)
  const name = reader.word('pg_backend_pid', 'version', 'current_schema', 'current_database')
  if (name === null) return null
  if (reader.op('(')) return reader.op(')') ? about(name as SessionFunction) : null
  return name === 'current_schema' ? about('current_schema') : null
}

const about = (name: SessionFunction): NamedValue => ({ name, value: { is: 'session', function: name } })

/** `set_config('lock_timeout', '5s', false)`: only constants, except that the value may be a parameter. */
function readSetConfig(reader: Reader): NamedValue | null {
  const setting = reader.op('(') ? reader.string() : null
  if (setting === null || !reader.op(',')) return null
  const value = readSettingValue(reader)
  if (value === null || !reader.op(',')) return null
  const isLocal = reader.word('true', 'false')
  if (isLocal === null || !reader.op(')')) return null
  const set = {
    is: 'set-config',
    setting: setting.toLowerCase(),
    value,
    isLocal: isLocal === 'true',
  } as const
  return { name: 'set_config', value: set }
}

function readSettingValue(reader: Reader): Argument | null {
  const token = reader.peek()
  if (token?.type === 'param') {
    reader.at++
    const isCast = reader.op('::')
    if (isCast && reader.word('text') === null) return null
    return { is: 'parameter', type: 'text', index: Number(token.value), parameterType: 'text', isCast }
  }
  const value = reader.string()
  if (value === null && reader.word('null') === null) return null
  return { is: 'constant', type: 'text', value }
}
