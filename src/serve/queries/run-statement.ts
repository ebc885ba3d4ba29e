import { dataRow, report, type Column } from '../messages/backend.js'
import { formatAt, type Format } from '../messages/frontend.js'
import { completion, usualRow } from '../messages/usual-answers.js'
import { encodeValue } from '../messages/values.js'
import type { Statement } from '../sql/statement.js'
import type { Bound } from '../prepared/bound.js'
import { runHere } from '../statements/executor.js'
import type { Outcome } from '../statements/outcome.js'
import type { Passing } from '../upstream/passing.js'
import type { QuerySession } from './query-session.js'

/** Whether an open transaction at the upstream must get the statement too. */
function concernsUpstream(statement: Statement): boolean {
  if (statement.kind === 'transaction') return statement.action !== 'begin'
  return statement.kind === 'set' || statement.kind === 'reset'
}

/**
 * Runs a statement that the front answers. If the client's transaction is open at the upstream, the statement also runs
 * there.
 *
 * @throws {SqlError} {LockError} {UpstreamError}
 */
export function runStatement(
  statement: Statement,
  bound: Bound,
  session: QuerySession,
): Outcome | Promise<Outcome> {
  session.begin()
  session.transaction.enter()
  const { passing } = session
  if (passing?.isHeld !== true || !concernsUpstream(statement)) return runHere(statement, bound, session)
  return runThereAndHere(statement, bound, session, passing)
}

async function runThereAndHere(
  statement: Statement,
  bound: Bound,
  session: QuerySession,
  passing: Passing,
): Promise<Outcome> {
  const { transaction } = session
  const isCommit = statement.kind === 'transaction' && statement.action === 'commit'
  try {
    await passing.command(isCommit && transaction.hasFailed ? passing.rollback : statement.text)
  } catch (error) {
    // A COMMIT that fails also ends the transaction.
    if (isCommit) await transaction.rollBack()
    throw error
  }
  return runHere(statement, bound, session)
}

/** Sends the result of a statement, without the description of its row. */
export function sendOutcome(
  { link }: Pick<QuerySession, 'link'>,
  outcome: Outcome,
  columns: readonly Column[] | null,
  formats: readonly Format[],
): void {
  for (const notice of outcome.notices) link.send(report(notice))
  const { row } = outcome
  if (row === null || columns === null) return
  const usual = row.length === 1 && formatAt(formats, 0) === 0 ? usualRow(row[0]!) : null
  if (usual !== null) link.send(usual)
  else
    link.send(dataRow(row.map((value, at) => encodeValue(value, columns[at]!.type, formatAt(formats, at)))))
}

export function complete({ link }: Pick<QuerySession, 'link'>, { tag }: Outcome): void {
  link.send(completion(tag))
}
