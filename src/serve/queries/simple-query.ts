import { EMPTY_QUERY } from '../messages/backend.js'
import { SqlError } from '../messages/sql-error.js'
import { describeAsText } from '../messages/usual-answers.js'
import type { Statement } from '../sql/statement.js'
import { UNBOUND } from '../prepared/bound.js'
import { checkEvaluations, checkMayRun, isAnsweredHere, refusal } from '../statements/executor.js'
import type { QuerySession } from './query-session.js'
import { resultColumns } from '../statements/result-columns.js'
import { complete, runStatement, sendOutcome } from './run-statement.js'

/**
 * Runs a query string, and sends the results of its statements. The caller sends ReadyForQuery.
 *
 * @throws {SqlError} {LockError} {UpstreamError} and the statements after the failed one have not run
 */
export function runSimpleQuery(text: string, session: QuerySession): void | Promise<void> {
  session.prepared.remove('')
  const { statements, problem } = session.texts.recognize(text, session.settings)
  if (problem !== null) throw new SqlError('42601', problem.message, { position: problem.position })
  if (statements.length === 0) return session.link.send(EMPTY_QUERY)
  if (statements.every((each) => each.kind === 'other')) return passAll(text, statements, session)
  return statements.length === 1 ? runOne(statements[0]!, false, session) : runSeveral(statements, session)
}

async function runSeveral(statements: readonly Statement[], session: QuerySession): Promise<void> {
  session.transaction.enterSeveral()
  for (const statement of statements) await runOne(statement, true, session)
}

/** Passes the whole query string on. Without a BEGIN, the upstream runs it in one transaction. */
async function passAll(text: string, statements: readonly Statement[], session: QuerySession): Promise<void> {
  checkMayRun(statements[0]!, session)
  const { passing } = session
  if (passing === null) throw refusal(statements[0]!)
  session.begin()
  session.transaction.enter()
  await passing.query(text)
}

async function runOne(statement: Statement, isPart: boolean, session: QuerySession): Promise<void> {
  checkMayRun(statement, session)
  const { link, passing } = session
  if (isAnsweredHere(statement, passing !== null)) {
    checkEvaluations(statement, passing !== null)
    const columns = resultColumns(statement, [])
    if (statement.parameterCount > 0) throw new SqlError('42P02', 'there is no parameter $1')
    if (columns !== null) link.send(describeAsText(columns))
    session.prepared.removePortal('')
    try {
      const outcome = await runStatement(statement, UNBOUND, session)
      sendOutcome(session, outcome, columns, [])
      return complete(session, outcome)
    } catch (error) {
      if (session.transaction.isBlock) leavePortal(statement, session)
      throw error
    }
  }
  if (!mayPass(statement, session)) throw refusal(statement)
  session.begin()
  session.transaction.enter()
  if (statement.kind === 'suspicious') passing!.pin()
  if (isPart) await passing!.enterGroup()
  await passing!.query(statement.text)
}

/** After an error in a block, PostgreSQL keeps the portal in which the statement ran. */
function leavePortal(statement: Statement, { prepared }: QuerySession): void {
  const unnamed = { name: '', statement, declared: [], types: [] }
  prepared.addPortal({ name: '', prepared: unnamed, bound: UNBOUND, hasRun: true })
}

/** Whether a statement that the front does not answer may go to the upstream. */
export function mayPass(statement: Statement, { passing, mayPin }: QuerySession): boolean {
  if (passing === null) return false
  return statement.kind !== 'suspicious' || mayPin
}
