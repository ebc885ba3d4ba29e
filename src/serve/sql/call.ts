import { readArgument, type ReadArgument } from './argument.js'
import { evaluationSql } from './evaluation-sql.js'
import { isOp, LOCK_FUNCTIONS, OWN_FUNCTIONS, type OwnArgument } from './lock-functions.js'
import type { Reader } from './reader.js'
import type { Argument, ArgumentType, Evaluation, LockCall, OwnCall } from './statement.js'
import type { Token } from './token.js'

/** Reads a call of a lock function, with or without its schema. For anything else it returns null and reads nothing. */
export function readCall(reader: Reader): LockCall | OwnCall | null {
  const start = reader.at
  const call = readLockCall(reader) ?? readOwnCall(reader)
  if (call === null) reader.at = start
  return call
}

function readLockCall(reader: Reader): LockCall | null {
  const start = reader.at
  const isQualified = isNamed(reader.peek(), 'pg_catalog') && reader.isOp('.', 1)
  if (isQualified) reader.at += 2
  const name = reader.name()
  const shape = name === null ? undefined : LOCK_FUNCTIONS.get(name)
  const parts = shape === undefined ? null : readParts(reader)
  if (parts === null) {
    reader.at = start
    return null
  }
  const types = keyTypes(parts.length, shape!.action)
  if (types === null) return null
  const key = parts.map((part, i) => readArgument(part, reader.text, types[i]!))
  if (!areRead(key)) return null
  return {
    is: 'lock',
    function: name!,
    ...shape!,
    key: argumentsOf(key) as LockCall['key'],
    evaluation: evaluationOf(key),
  }
}

const argumentsOf = (read: readonly ReadArgument[]): readonly Argument[] =>
  read.map(({ argument }) => argument)

function keyTypes(count: number, action: LockCall['action']): readonly ArgumentType[] | null {
  if (action === 'unlock-all') return count === 0 ? [] : null
  if (count === 1) return ['int8']
  return count === 2 ? ['int4', 'int4'] : null
}

const OWN_TYPES: Readonly<Record<OwnArgument, ArgumentType>> = {
  name: 'text',
  permits: 'int4',
  timeout_ms: 'int4',
}

function readOwnCall(reader: Reader): OwnCall | null {
  if (!isNamed(reader.peek(), 'lockpool') || !reader.isOp('.', 1)) return null
  reader.at += 2
  const name = reader.name()
  const shape = name === null ? undefined : OWN_FUNCTIONS.get(name)
  const parts = shape === undefined ? null : readParts(reader)
  if (parts === null || parts.length > shape!.arguments.length) return null
  const given = new Map<OwnArgument, ReadArgument>()
  for (const [i, part] of parts.entries()) {
    const notation = namedNotation(part)
    const argument =
      notation === null ? shape!.arguments[i]! : shape!.arguments.find((one) => one === notation)
    if (argument === undefined || given.has(argument)) return null
    // As in PostgreSQL, no argument by position comes after one by name.
    if (notation === null && parts.slice(0, i).some((earlier) => namedNotation(earlier) !== null)) return null
    const read = readArgument(notation === null ? part : part.slice(2), reader.text, OWN_TYPES[argument])
    if (read === null) return null
    given.set(argument, read)
  }
  if (!shape!.arguments.slice(0, shape!.needed).every((argument) => given.has(argument))) return null
  const inOrder = shape!.arguments.filter((argument) => given.has(argument))
  return {
    is: 'own',
    function: shape!.function,
    arguments: Object.fromEntries(
      inOrder.map((argument) => [argument, given.get(argument)!.argument]),
    ) as unknown as OwnCall['arguments'],
    evaluation: evaluationOf(inOrder.map((argument) => given.get(argument)!)),
  }
}

/** `name => ...` */
const namedNotation = (part: readonly Token[]): string | null =>
  part.length > 2 && (isOp(part[1], '=>') || isOp(part[1], ':=')) && part[0]!.type !== 'string'
    ? part[0]!.value
    : null

const isNamed = (token: Token | undefined, name: string): boolean =>
  (token?.type === 'word' || token?.type === 'name') && token.value === name

/** The arguments in parentheses, as tokens, split at their commas. */
function readParts(reader: Reader): readonly (readonly Token[])[] | null {
  if (!reader.op('(')) return null
  const parts: (readonly Token[])[] = []
  let begin = reader.at
  for (let depth = 0; !reader.isDone; reader.at++) {
    const token = reader.peek()!
    if (token.type !== 'op') continue
    if (token.value === '(' || token.value === '[') depth++
    else if (depth > 0 && (token.value === ')' || token.value === ']')) depth--
    else if (depth === 0 && (token.value === ',' || token.value === ')')) {
      parts.push(reader.tokens.slice(begin, reader.at))
      begin = reader.at + 1
      if (token.value === ')') {
        reader.at++
        return parts.length === 1 && parts[0]!.length === 0 ? [] : parts
      }
    }
  }
  return null
}

const areRead = (key: readonly (ReadArgument | null)[]): key is readonly ReadArgument[] => !key.includes(null)

/** An evaluation of all arguments, if one of them is more than a constant or a parameter. */
function evaluationOf(read: readonly ReadArgument[]): Evaluation | null {
  if (read.every(({ argument }) => argument.is !== 'expression')) return null
  const values = read.map(({ argument, source }) => ({ type: argument.type, text: source }))
  const parameters = [...new Set(read.flatMap((one) => one.parameters))].toSorted((a, b) => a - b)
  return { text: evaluationSql(values), parameters, isPure: read.every((one) => one.isPure) }
}
