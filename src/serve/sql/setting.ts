import { readPlainName, readUnreserved } from './names.js'
import type { Reader } from './reader.js'
import type { DiscardStatement, ResetStatement, SetStatement, ShowStatement } from './statement.js'
import { readModes } from './transaction.js'

export type Setting =
  | Pick<SetStatement, 'kind' | 'scope' | 'name' | 'value'>
  | Pick<ShowStatement, 'kind' | 'name'>
  | Pick<ResetStatement, 'kind' | 'name'>
  | Pick<DiscardStatement, 'kind' | 'target'>

/** SET, SHOW, RESET and DISCARD. Null if PostgreSQL would refuse it, or if only PostgreSQL understands it. */
export function readSetting(reader: Reader): Setting | null {
  const word = reader.word(...Object.keys(READ))
  const read = word === null ? null : READ[word]!(reader)
  return read !== null && reader.isDone ? read : null
}

const READ: Readonly<Record<string, (reader: Reader) => Setting | null>> = {
  set: readSet,
  show: (reader) => named('show', readSettingName(reader)),
  reset: (reader) => named('reset', readSettingName(reader)),
  discard: (reader) => {
    const target = reader.word('all', 'plans', 'sequences', 'temp', 'temporary')
    if (target === null) return null
    return {
      kind: 'discard',
      target: target === 'temporary' ? 'temp' : (target as DiscardStatement['target']),
    }
  },
}

const named = (kind: 'show' | 'reset', name: string | null): Setting | null =>
  name === null ? null : { kind, name }

/** The name of a setting in SHOW and RESET. */
function readSettingName(reader: Reader): string | null {
  if (reader.words('time', 'zone')) return 'timezone'
  if (reader.words('transaction', 'isolation', 'level')) return 'transaction_isolation'
  if (reader.words('session', 'authorization')) return 'session_authorization'
  return readName(reader)
}

/** A name with or without a prefix, such as `app.user_id`. Names of settings are in lower case. */
function readName(reader: Reader): string | null {
  let name = reader.name()
  while (name !== null && reader.op('.')) {
    const next = reader.name()
    name = next === null ? null : `${name}.${next}`
  }
  return name?.toLowerCase() ?? null
}

function readSet(reader: Reader): Setting | null {
  if (reader.words('session', 'characteristics', 'as', 'transaction'))
    return hasModes(reader) ? noValue('session', 'session_characteristics') : null
  if (reader.words('constraints')) return hasConstraints(reader) ? noValue('local', 'constraints') : null
  const hasScope = !reader.isWord('authorization', 1) && !isAssignment(reader)
  const scope = hasScope && reader.word('session', 'local') === 'local' ? 'local' : 'session'
  if (!isAssignment(reader) && reader.words('transaction'))
    return hasModes(reader) ? noValue('local', 'transaction') : null
  const set = readSpecial(reader) ?? readPlain(reader)
  return set === null ? null : { kind: 'set', scope, ...set }
}

/** Whether the word is the name of a setting, as in `SET session = ...`. */
const isAssignment = (reader: Reader): boolean =>
  reader.isOp('=', 1) || reader.isOp('.', 1) || reader.isWord('to', 1)

const noValue = (scope: 'session' | 'local', name: string): Setting => ({
  kind: 'set',
  scope,
  name,
  value: null,
})

/** `SET TRANSACTION SNAPSHOT 'x'` is a separate mode. */
function hasModes(reader: Reader): boolean {
  if (reader.word('snapshot') !== null) return reader.string() !== null
  return !reader.isDone && readModes(reader)
}

/** `ALL DEFERRED`, `a, b.c IMMEDIATE` */
function hasConstraints(reader: Reader): boolean {
  if (reader.word('all') === null) {
    do {
      if (readPlainName(reader) === null) return false
      while (reader.op('.')) if (reader.name() === null) return false
    } while (reader.op(','))
  }
  return reader.word('deferred', 'immediate') !== null
}

type Value = Pick<SetStatement, 'name' | 'value'>

/** Forms with words instead of a name: `SET TIME ZONE 'UTC'`. */
function readSpecial(reader: Reader): Value | null {
  if (reader.words('time', 'zone')) return readZone(reader)
  if (reader.words('session', 'authorization'))
    return withValue('session_authorization', readDefault(reader) ?? readRole(reader))
  if (isAssignment(reader)) return null
  if (reader.word('names') !== null)
    return withValue('client_encoding', reader.isDone ? DEFAULT : (readDefault(reader) ?? readString(reader)))
  if (reader.word('role') !== null) return withValue('role', readRole(reader))
  if (reader.word('schema') !== null) return withValue('search_path', readString(reader))
  return null
}

interface One {
  readonly text: string | null
}

const DEFAULT: One = { text: null }

const withValue = (name: string, value: One | null): Value | null =>
  value === null ? null : { name, value: value.text }

const some = (text: string | null): One | null => (text === null ? null : { text })

const readDefault = (reader: Reader): One | null => (reader.word('default') === null ? null : DEFAULT)

const readString = (reader: Reader): One | null => some(reader.string())

const readRole = (reader: Reader): One | null => some(reader.string() ?? readUnreserved(reader))

function readZone(reader: Reader): Value | null {
  const isBad = reader.isWord('on') || reader.isWord('true') || reader.isWord('false')
  const value = reader.word('local') === null ? readOne(reader, 'timezone') : DEFAULT
  return isBad ? null : withValue('timezone', value)
}

function readPlain(reader: Reader): Value | null {
  const name = readName(reader)
  if (name === null || !(reader.op('=') || reader.word('to') !== null)) return null
  const values: string[] = []
  do {
    const value = readOne(reader, name)
    if (value === null) return null
    if (value.text === null) return values.length === 0 ? { name, value: null } : null
    values.push(value.text)
  } while (reader.op(','))
  return { name, value: values.join(', ') }
}

/** Settings that are lists of names. SHOW quotes a member that is not a plain name. */
const NAME_LISTS = new Set([
  'search_path',
  'temp_tablespaces',
  'local_preload_libraries',
  'session_preload_libraries',
])

function readOne(reader: Reader, name: string): One | null {
  if (reader.word('default') !== null) return DEFAULT
  const sign = reader.op('-') ? '-' : reader.op('+') ? '+' : ''
  if (reader.peek()?.isUnsure ?? true) return null
  const number = readNumber(reader)
  if (number !== null) return { text: (sign === '-' ? '-' : '') + number }
  if (sign !== '') return null
  const value = reader.string() ?? reader.word('true', 'false', 'on') ?? readUnreserved(reader)
  if (value === null) return null
  const isPlain = !NAME_LISTS.has(name) || /^[a-z_][a-z0-9_$]*$/.test(value)
  return { text: isPlain ? value : `"${value.replaceAll('"', '""')}"` }
}

function readNumber(reader: Reader): string | null {
  const token = reader.peek()
  if (token?.type !== 'number') return null
  reader.at++
  return token.value
}
