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

/** Functions whose result depends on the session in which other statements run. */
const OF_UPSTREAM: ReadonlySet<string> = new Set([
  'current_schema',
  'current_user',
  'session_user',
  'current_database',
])

/**
 * Whether the front answers a statement; otherwise it is passed on or refused. A statement that may reach an advisory
 * function in unknown syntax is never answered here.
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
 * Arguments with possible side effects are evaluated with the rights of the front's role. So they are evaluated only if other
 * statements run with these rights as well.
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

/** Runs a statement that the front answers. @throws {SqlError} {LockError} */
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

/** The error for a statement that is neither answered here nor passed on. */
export function refusal(statement: Statement): SqlError {
  if (statement.kind === 'suspicious')
    return new SqlError('0A000', 'lockpool serve does not know this use of advisory locks', {
      detail: statement.message,
      hint: 'Call one lock function in a separate SELECT: SELECT pg_advisory_lock(1).',
    })
  if (statement.kind === 'named') return notOffered(statement.command.toUpperCase())
  return new SqlError('0A000', 'lockpool serve answers lock statements only', {
    hint: 'Start it with --others pass, or with the URL of a pooler, to have other statements passed on.',
  })
}

/** @throws {SqlError} 25P02 in a failed transaction, except for statements that end it */
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
