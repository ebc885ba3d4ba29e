import { callLock, VOID } from '../locks/lock-calls.js'
import { callOwn } from '../locks/own-calls.js'
import type { Report } from '../messages/backend.js'
import { decodeText, TYPE, type Value } from '../messages/values.js'
import type { Argument, Column, ColumnValue, LockCall, OwnCall, SelectStatement } from '../sql/statement.js'
import { evaluatedValues, keyOf, localValues, type ArgumentValue } from '../prepared/arguments.js'
import { TAG } from './command-tags-sql.js'
import type { Bound } from '../prepared/bound.js'
import { evaluationError } from './evaluation-error.js'
import { oneRow, type Outcome } from './outcome.js'
import { typeOf } from './result-columns.js'
import type { StatementContext } from './statement-context.js'

/** Runs the columns of a SELECT one after the other, as PostgreSQL does. @throws {SqlError} {LockError} */
export function runSelect(
  statement: SelectStatement,
  bound: Bound,
  context: StatementContext,
): Outcome | Promise<Outcome> {
  const [first] = statement.columns
  if (statement.columns.length > 1 || first === undefined || first.isHidden)
    return runColumns(statement, bound, context)
  const notices: Report[] = []
  const pending = columnValue(first.value, bound, context, notices)
  const outcomeOf = (value: Value): Outcome => oneRow([cast(first, value, bound)], TAG.selectOne, notices)
  return pending instanceof Promise ? pending.then(outcomeOf) : outcomeOf(pending)
}

async function runColumns(
  statement: SelectStatement,
  bound: Bound,
  context: StatementContext,
): Promise<Outcome> {
  const notices: Report[] = []
  const row: Value[] = []
  for (const column of statement.columns) {
    const pending = columnValue(column.value, bound, context, notices)
    const value = pending instanceof Promise ? await pending : pending
    if (!column.isHidden) row.push(cast(column, value, bound))
  }
  return oneRow(row, TAG.selectOne, notices)
}

function columnValue(
  value: ColumnValue,
  bound: Bound,
  context: StatementContext,
  notices: Report[],
): Value | Promise<Value> {
  switch (value.is) {
    case 'lock':
      return lockValue(value, bound, context, notices)
    case 'own':
      return ownValue(value, bound, context)
    case 'constant':
      return value.text === null ? null : decodeText(value.text, TYPE[value.type])
    case 'parameter':
      return bound.value(value.index)
    case 'session':
      return context.sessionFunction(value.function)
    case 'set-config':
      return context.setConfig(value.setting, textOf(value.value, bound), value.isLocal)
  }
}

function textOf(argument: Argument, bound: Bound): string | null {
  const [value] = localValues([argument], bound)
  return value === null ? null : String(value)
}

function lockValue(
  call: LockCall,
  bound: Bound,
  context: StatementContext,
  notices: Report[],
): Value | Promise<Value> {
  const { locks, permits } = context
  if (call.action === 'unlock-all')
    return Promise.all([locks.releaseAll(), permits.releaseAll()]).then(() => VOID)
  const lockWith = (values: readonly ArgumentValue[]): Value | Promise<Value> => {
    const key = keyOf(values)
    if (key === null) return null
    return callLock(call, key, locks, context.waitLimits(), (notice) => notices.push(notice))
  }
  const values = valuesFor(call, call.key, bound, context)
  return values instanceof Promise ? values.then(lockWith) : lockWith(values)
}

function valuesFor(
  call: LockCall | OwnCall,
  parts: readonly Argument[],
  bound: Bound,
  context: StatementContext,
): readonly ArgumentValue[] | Promise<readonly ArgumentValue[]> {
  if (call.evaluation === null) return localValues(parts, bound)
  return evaluatedValues(parts, call.evaluation, bound, (...asked) => context.evaluate(...asked)).catch(
    (error: unknown) => {
      throw evaluationError(error, call.is === 'own' ? `lockpool.${call.function}` : call.function)
    },
  )
}

async function ownValue(call: OwnCall, bound: Bound, context: StatementContext): Promise<Value> {
  const { name, permits, timeout_ms: timeout } = call.arguments
  const parts = [name, permits, timeout].filter((part): part is Argument => part !== undefined)
  const values = await valuesFor(call, parts, bound, context)
  if (values[0] === null) return null
  const numberOf = (part: Argument | undefined): number | null => {
    const value = part === undefined ? null : values[parts.indexOf(part)]
    return value === null ? null : Number(value)
  }
  const given = { name: String(values[0]), permits: numberOf(permits), timeoutMs: numberOf(timeout) }
  return callOwn(call, given, context.locks, context.permits, context.waitLimits())
}

/** Applies the cast to the result of a lock, or to a constant. There are only a few types. */
function cast({ value: source, cast: to }: Column, value: Value, bound: Bound): Value {
  if (to === null || value === null) return value
  const from = typeOf(source, bound.types)
  if (to === 'text' || to === 'varchar') return String(value)
  if (to === 'bool') return typeof value === 'bigint' ? value !== 0n : value
  if (typeof value === 'boolean') return value ? 1n : 0n
  return from === TYPE.text ? decodeText(String(value), TYPE.int4) : value
}
