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
import type { Statement } from '../sql/statement.js'
import { bind, checkValues, parameterTypes } from '../prepared/bound.js'
import { TAG } from '../statements/command-tags-sql.js'
import { checkCasts } from '../prepared/arguments.js'
import { checkDeclared } from '../prepared/declared-types.js'
import { aborted, checkEvaluations, checkMayRun, isAnsweredHere, refusal } from '../statements/executor.js'
import { done, type Outcome } from '../statements/outcome.js'
import type { Portal, Prepared } from '../prepared/prepared-statements.js'
import type { QuerySession } from './query-session.js'
import { resultColumns } from '../statements/result-columns.js'
import { complete, runStatement, sendOutcome } from './run-statement.js'
import { mayPass } from './simple-query.js'

/** @throws {SqlError} */
export function runParse({ name, text, types }: ParseMessage, session: QuerySession): void {
  if (name === '') session.prepared.remove(name)
  const { statements, problem } = session.texts.recognize(text, session.settings)
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
export function runBind(message: BindMessage, session: QuerySession): void | Promise<void> {
  const prepared = session.prepared.statement(message.statement)
  checkMayRun(prepared.statement, session)
  if (prepared.statement === null && session.transaction.hasFailed) throw aborted()
  const types = typesOf(prepared, session)
  if (!(types instanceof Promise)) return bindWith(types, message, prepared, session)
  return types.then((asked) => bindWith(asked, message, prepared, session))
}

function bindWith(
  types: readonly number[],
  message: BindMessage,
  prepared: Prepared,
  session: QuerySession,
): void | Promise<void> {
  const { portal: name, statement: statementName } = message
  const bound = bind(message, types, statementName)
  session.prepared.addPortal({ name, prepared, bound, hasRun: false })
  session.transaction.enter()
  const { statement, declared } = prepared
  if (statement !== null && !isHere(statement, session)) {
    if (statement.kind === 'suspicious') session.passing!.pin()
    const binding = session.passing!.bind(statement.text, declared, bound)
    return binding.then(() => session.link.send(BIND_COMPLETE))
  }
  checkValues(bound)
  if (statement?.kind === 'select') checkCasts(statement, bound)
  session.link.send(BIND_COMPLETE)
}

/** @throws {SqlError} {UpstreamError} */
export function runDescribe({ kind, name }: NamedMessage, session: QuerySession): void | Promise<void> {
  const { prepared } = session
  if (kind === 'portal') return describePortal(prepared.portal(name), session)
  return describeStatement(prepared.statement(name), session)
}

async function describeStatement(described: Prepared, session: QuerySession): Promise<void> {
  const { link } = session
  const { statement, declared } = described
  if (statement !== null && !isHere(statement, session)) {
    if (session.transaction.hasFailed) throw aborted()
    const { types, rows } = await session.passing!.describe(statement.text, declared)
    described.types = types
    return link.send(parameterDescription(types), rows ?? NO_DATA)
  }
  const types = await typesOf(described, session)
  const columns = statement === null ? null : resultColumns(statement, types)
  if (columns !== null && session.transaction.hasFailed) throw aborted()
  link.send(parameterDescription(types))
  link.send(columns === null ? NO_DATA : describeAsText(columns))
}

function describePortal({ name, prepared, bound }: Portal, session: QuerySession): void | Promise<void> {
  const { statement } = prepared
  if (statement !== null && !isHere(statement, session)) return session.passing!.describePortal(name)
  const columns = statement === null ? null : resultColumns(statement, bound.types)
  if (columns === null) return session.link.send(NO_DATA)
  if (session.transaction.hasFailed) throw aborted()
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
function outcomeOf(portal: Portal, statement: Statement, session: QuerySession): Outcome | Promise<Outcome> {
  if (!portal.hasRun) {
    portal.hasRun = true
    return runStatement(statement, portal.bound, session)
  }
  if (statement.kind === 'select') return done(TAG.selectNone)
  if (statement.kind === 'show') return done(TAG.show)
  throw new SqlError('55000', `portal "${portal.name}" cannot be run`)
}

export function runClose({ kind, name }: NamedMessage, session: QuerySession): void | Promise<void> {
  const { link, prepared, passing } = session
  if (kind === 'statement') prepared.remove(name)
  else {
    const statement = prepared.removePortal(name)?.prepared.statement ?? null
    if (statement !== null && !isHere(statement, session))
      return passing!.closePortal(name).then(() => link.send(CLOSE_COMPLETE))
  }
  link.send(CLOSE_COMPLETE)
}

function isHere(statement: Statement, { passing }: QuerySession): boolean {
  return isAnsweredHere(statement, passing !== null)
}

/** Asks the upstream once for types that the client did not declare and that cannot be inferred here. */
function typesOf(prepared: Prepared, session: QuerySession): readonly number[] | Promise<readonly number[]> {
  const { statement, types, declared } = prepared
  if (statement === null || types.every((type) => type !== null)) return types as readonly number[]
  return askTypes(statement, declared, session).then((asked) => {
    const known = types.map((type, at) => type ?? (asked[at] || TYPE.text))
    prepared.types = known
    return known
  })
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
