import { SqlError } from '../messages/sql-error.js'
import type { Statement } from '../sql/statement.js'
import type { Bound } from '../prepared/bound.js'
import type { Outcome } from './outcome.js'
import {
  notOffered,
  runDiscard,
  runNamed,
  runReset,
  runSet,
  runShow,
  runTransactionCommand,
} from './run-command.js'
import { runSelect } from './run-select.js'
import type { StatementContext } from './statement-context.js'

/** Functions whose answer depends on where other statements run. */
const OF_UPSTREAM: ReadonlySet<string> = new Set([
  'current_schema',
  'current_user',
  'session_user',
  'current_database',
])

/**
 * Whether a statement is answered here, or goes to where all else goes. What may reach an advisory function in a way that is
 * not known is never passed on.
 */
export function isAnsweredHere(statement: Statement, mayPass: boolean): boolean {
  switch (statement.kind) {
    case 'select':
      return statement.locks || !mayPass || !asksUpstream(statement.columns)
    case 'named':
      return (
        !['notify', 'declare', 'fetch', 'move', 'lock', 'checkpoint', 'close'].includes(statement.command) ||
        (statement.command === 'close' && statement.name === null)
      )
    case 'show':
      return statement.name !== 'all'
    case 'other':
    case 'suspicious':
      return false
    case 'transaction':
    case 'set':
    case 'reset':
    case 'discard':
      return true
  }
}

function asksUpstream(columns: Extract<Statement, { kind: 'select' }>['columns']): boolean {
  return columns.some(({ value }) => value.is === 'session' && OF_UPSTREAM.has(value.function))
}

/**
 * Arguments that may do more than compute run with the rights of the front's own role, so they are evaluated only where other
 * statements run with them as well.
 *
 * @throws {SqlError} 0A000
 */
export function checkEvaluations(statement: Statement, mayPass: boolean): void {
  if (statement.kind !== 'select' || mayPass) return
  for (const { value } of statement.columns) {
    const isCall = value.is === 'lock' || value.is === 'own'
    if (!isCall || value.evaluation === null || value.evaluation.isPure) continue
    throw new SqlError('0A000', 'lockpool serve evaluates only built-in functions in the key of a lock', {
      hint: 'Start it with --others pass to have other expressions evaluated.',
    })
  }
}

/** Runs a statement that is answered here. @throws {SqlError} {LockError} */
export function runHere(
  statement: Statement,
  bound: Bound,
  context: StatementContext,
): Outcome | Promise<Outcome> {
  switch (statement.kind) {
    case 'select':
      return runSelect(statement, bound, context)
    case 'transaction':
      return runTransactionCommand(statement, context)
    case 'set':
      return runSet(statement, context)
    case 'reset':
      return runReset(statement, context)
    case 'show':
      return runShow(statement.name, context)
    case 'discard':
      return runDiscard(statement, context)
    case 'named':
      return runNamed(statement, context)
    case 'other':
    case 'suspicious':
      throw refusal(statement)
  }
}

/** Why a statement is neither answered here nor passed on. */
export function refusal(statement: Statement): SqlError {
  if (statement.kind === 'suspicious')
    return new SqlError('0A000', 'lockpool serve does not know this use of advisory locks', {
      detail: statement.message,
      hint: 'Call one lock function in a SELECT of its own: SELECT pg_advisory_lock(1).',
    })
  if (statement.kind === 'named') return notOffered(statement.command.toUpperCase())
  return new SqlError('0A000', 'lockpool serve answers lock statements only', {
    hint: 'Start it with --others pass, or with the URL of a pooler, to have other statements passed on.',
  })
}

/** @throws {SqlError} 25P02 in a transaction that has failed, but for what ends it */
export function checkMayRun(
  statement: Statement | null,
  { transaction }: Pick<StatementContext, 'transaction'>,
): void {
  if (!transaction.hasFailed || statement === null) return
  const ends =
    statement.kind === 'transaction' && ['commit', 'rollback', 'rollback-to'].includes(statement.action)
  if (!ends) throw aborted()
}

export function aborted(): SqlError {
  const message = 'current transaction is aborted, commands ignored until end of transaction block'
  return new SqlError('25P02', message)
}
