import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  EMPTY_QUERY,
  NO_DATA,
  parameterDescription,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  rowDescription,
} from '../messages/backend.js'
import { formatAt, type BindMessage, type NamedMessage, type ParseMessage } from '../messages/frontend.js'
import { describeAsText } from '../messages/usual-answers.js'
import { SqlError } from '../messages/sql-error.js'
import { TYPE } from '../messages/values.js'
import { recognize } from '../sql/recognize.js'
import type { Statement } from '../sql/statement.js'
import { bind, checkValues, parameterTypes } from './bound.js'
import { TAG } from './command-tags-sql.js'
import { checkDeclared } from './declared-types.js'
import { aborted, checkEvaluations, checkMayRun, isAnsweredHere, refusal } from './executor.js'
import { done, type Outcome } from './outcome.js'
import type { Portal, Prepared } from './prepared-statements.js'
import type { QuerySession } from './query-session.js'
import { resultColumns } from './result-columns.js'
import { complete, runStatement, sendOutcome } from './run-statement.js'
import { mayPass } from './simple-query.js'

/** @throws {SqlError} */
export function runParse({ name, text, types }: ParseMessage, session: QuerySession): void {
  if (name === '') session.prepared.remove(name)
  const { standardConformingStrings } = session.settings
  const { statements, problem } = recognize(text, { standardConformingStrings })
  if (problem !== null) throw new SqlError('42601', problem.message, { position: problem.position })
  if (statements.length > 1)
    throw new SqlError('42601', 'cannot insert multiple commands into a prepared statement')
  const statement = statements[0] ?? null
  checkMayRun(statement, session)
  if (statement !== null && !isHere(statement, session) && !mayPass(statement, session))
    throw refusal(statement)
  if (statement !== null) checkEvaluations(statement, session.passing !== null)
  if (statement !== null) checkDeclared(statement, types)
  const known = statement === null ? [] : parameterTypes(statement, types)
  session.prepared.add({ name, statement, declared: types, types: known })
  session.link.send(PARSE_COMPLETE)
}

/** @throws {SqlError} {UpstreamError} */
export async function runBind(message: BindMessage, session: QuerySession): Promise<void> {
  const { portal: name, statement: statementName } = message
  const prepared = session.prepared.statement(statementName)
  checkMayRun(prepared.statement, session)
  if (prepared.statement === null && session.transaction.hasFailed) throw aborted()
  const types = await typesOf(prepared, session)
  const bound = bind(message, types, statementName)
  session.prepared.addPortal({ name, prepared, bound, hasRun: false })
  session.transaction.enter()
  const { statement, declared } = prepared
  if (statement !== null && !isHere(statement, session)) {
    if (statement.kind === 'suspicious') session.passing!.pin()
    await session.passing!.bind(statement.text, declared, bound)
  } else checkValues(bound)
  session.link.send(BIND_COMPLETE)
}

/** @throws {SqlError} {UpstreamError} */
export async function runDescribe({ kind, name }: NamedMessage, session: QuerySession): Promise<void> {
  const { link, prepared } = session
  if (kind === 'portal') return describePortal(prepared.portal(name), session)
  const described = prepared.statement(name)
  const { statement, declared } = described
  if (statement !== null && !isHere(statement, session)) {
    const { types, rows } = await session.passing!.describe(statement.text, declared)
    described.types = types
    return link.send(parameterDescription(types), rows ?? NO_DATA)
  }
  const types = await typesOf(described, session)
  link.send(parameterDescription(types))
  const columns = statement === null ? null : resultColumns(statement, types)
  link.send(columns === null ? NO_DATA : describeAsText(columns))
}

async function describePortal({ name, prepared, bound }: Portal, session: QuerySession): Promise<void> {
  const { statement } = prepared
  if (statement !== null && !isHere(statement, session)) return session.passing!.describePortal(name)
  const columns = statement === null ? null : resultColumns(statement, bound.types)
  if (columns === null) return session.link.send(NO_DATA)
  const formats = bound.message!.resultFormats
  session.link.send(rowDescription(columns, (at) => formatAt(formats, at)))
}

/** @throws {SqlError} {LockError} {UpstreamError} */
export async function runExecute(
  { portal: name, maxRows }: { readonly portal: string; readonly maxRows: number },
  session: QuerySession,
): Promise<void> {
  const portal = session.prepared.portal(name)
  const { statement } = portal.prepared
  if (statement === null) return session.link.send(EMPTY_QUERY)
  checkMayRun(statement, session)
  if (!isHere(statement, session)) {
    session.begin()
    await session.passing!.execute(name, maxRows)
    return session.transaction.goesOn()
  }
  const columns = resultColumns(statement, portal.bound.types)
  const outcome = await outcomeOf(portal, statement, session)
  sendOutcome(session, outcome, columns, portal.bound.message!.resultFormats)
  if (outcome.row !== null && outcome.row.length > 0 && maxRows === 1) session.link.send(PORTAL_SUSPENDED)
  else complete(session, outcome)
  session.transaction.goesOn()
}

/** A portal that has run has no more rows, and a command can't run twice. */
async function outcomeOf(portal: Portal, statement: Statement, session: QuerySession): Promise<Outcome> {
  if (!portal.hasRun) {
    portal.hasRun = true
    return runStatement(statement, portal.bound, session)
  }
  if (statement.kind === 'select') return done(TAG.selectNone)
  if (statement.kind === 'show') return done(TAG.show)
  throw new SqlError('55000', `portal "${portal.name}" cannot be run`)
}

export async function runClose({ kind, name }: NamedMessage, session: QuerySession): Promise<void> {
  if (kind === 'statement') session.prepared.remove(name)
  else {
    const statement = session.prepared.removePortal(name)?.prepared.statement ?? null
    if (statement !== null && !isHere(statement, session)) await session.passing!.closePortal(name)
  }
  session.link.send(CLOSE_COMPLETE)
}

function isHere(statement: Statement, { passing }: QuerySession): boolean {
  return isAnsweredHere(statement, passing !== null)
}

/** What the client has left open, and can't be inferred here, is asked of the upstream, once. */
async function typesOf(prepared: Prepared, session: QuerySession): Promise<readonly number[]> {
  const { statement, types, declared } = prepared
  if (statement === null || types.every((type) => type !== null)) return types as readonly number[]
  const asked = await askTypes(statement, declared, session)
  const known = types.map((type, at) => type ?? (asked[at] || TYPE.text))
  prepared.types = known
  return known
}

async function askTypes(
  statement: Statement,
  declared: readonly number[],
  session: QuerySession,
): Promise<readonly number[]> {
  if (!isHere(statement, session)) return (await session.passing!.describe(statement.text, declared)).types
  if (statement.kind !== 'select') return []
  const types: number[] = []
  for (const { value } of statement.columns) {
    if ((value.is !== 'lock' && value.is !== 'own') || value.evaluation === null) continue
    const asked = await session.evaluator.parameterTypes(value.evaluation.text, declared)
    for (const index of value.evaluation.parameters) types[index - 1] = asked[index - 1] ?? 0
  }
  return types
}
