/**
 * Compares what the recognizer finds in a query string with PostgreSQL's own parser (libpg-query). The results are
 * lists of what is wrong.
 */
import { loadModule, parsePlPgSQLSync, parseSync } from 'libpg-query'
import { recognize } from '../../src/serve/sql/recognize.js'
import type { Argument, Column, Statement } from '../../src/serve/sql/statement.js'

await loadModule()

type Node = Readonly<Record<string, unknown>>

/** Returns the statements of a text, or null if PostgreSQL would refuse it. */
export function parsed(text: string): readonly Node[] | null {
  try {
    const { stmts = [] } = parseSync(text) as { stmts?: { stmt: Node }[] }
    return stmts.map(({ stmt }) => stmt)
  } catch {
    return null
  }
}

const LOCK_NAME = /^pg_(?:try_)?advisory_(?:xact_)?(?:un)?lock(?:_shared|_all)?$/

/** The names of lock functions in any part of a statement, in order, including code in DO. String constants are no names. */
export function lockNames(node: unknown): readonly string[] {
  const names: string[] = []
  visit(node, (key, value, parent) => {
    if (key === 'sval' && parent === 'String' && LOCK_NAME.test(String(value))) names.push(String(value))
    if (key === 'DoStmt') names.push(...namesInBody((value as { args: unknown }).args))
  })
  return names
}

function namesInBody(statement: unknown): readonly string[] {
  const names: string[] = []
  visit(statement, (key, body) => {
    if (key !== 'sval' || typeof body !== 'string') return
    for (const query of queriesOf(body)) {
      const asStatement = parsed(query) ?? parsed(`SELECT ${query}`)
      if (asStatement !== null)
        names.push(...asStatement.flatMap((one) => [...lockNames(one), ...lockTexts(one)]))
    }
  })
  return names
}

/** Constants with lock names in code that runs. The code may execute them. */
function lockTexts(node: unknown): readonly string[] {
  const texts: string[] = []
  visit(node, (key, value) => {
    if (key === 'sval' && typeof value === 'string' && /pg_(?:try_)?advisory_/i.test(value)) texts.push(value)
  })
  return texts
}

function queriesOf(body: string): readonly string[] {
  const queries: string[] = []
  try {
    const tag = `$judge${body.length}$`
    visit(parsePlPgSQLSync(`DO ${tag}${body}${tag}`), (key, value) => {
      if (key === 'query' && typeof value === 'string') queries.push(value)
    })
  } catch {
    // The body is no code: the server would refuse it.
  }
  return queries
}

function visit(node: unknown, see: (key: string, value: unknown, parent: string) => void, parent = ''): void {
  if (typeof node !== 'object' || node === null) return
  for (const [key, value] of Object.entries(node)) {
    const isField = !Array.isArray(node)
    if (isField) see(key, value, parent)
    // `namesInBody` reads the code in a DO statement.
    if (!(isField && key === 'DoStmt')) visit(value, see, isField ? key : parent)
  }
}

/** The errors in the recognizer's answer for this text. */
export function complaints(text: string): readonly string[] {
  const { statements, problem } = recognize(text, { standardConformingStrings: true })
  const nodes = parsed(text)
  if (nodes === null) return statements.flatMap((statement) => claimsOf(statement))
  if (problem !== null && isMisreadByJudge(text)) return []
  if (problem !== null) return [`refused, but it is read: ${problem.message}`]
  if (nodes.length === statements.length)
    return statements.flatMap((statement, i) => judgeOne(statement, nodes[i]!))
  return statements.length < nodes.length ? judgePieces(statements, nodes) : ['statements that are none']
}

/** The last piece may hold several statements: from BEGIN ATOMIC on, and in a text that can be read in two ways. */
function judgePieces(statements: readonly Statement[], nodes: readonly Node[]): readonly string[] {
  const last = statements.at(-1)!
  if (!/\batomic\b/i.test(last.text) && last.kind !== 'suspicious') return ['a statement is not seen']
  const rest = nodes.slice(statements.length - 1)
  const passed = last.kind === 'suspicious' ? [] : rest.flatMap(lockNames).map(passedOn)
  return [...statements.slice(0, -1).flatMap((statement, i) => judgeOne(statement, nodes[i]!)), ...passed]
}

/**
 * PostgreSQL must be able to read each statement that the recognizer claims to know. The text may be invalid because of
 * a neighbor.
 */
function claimsOf(statement: Statement): readonly string[] {
  if (!isClaim(statement) || isMisreadByJudge(statement.text)) return []
  return parsed(statement.text) === null ? [`${statement.kind} of what PostgreSQL refuses`] : []
}

/**
 * Whether the recognizer claims to know the statement. It claims nothing about expressions, because the server
 * evaluates them first.
 */
function isClaim(statement: Statement): boolean {
  if (statement.kind !== 'select') return ['transaction', 'discard', 'set'].includes(statement.kind)
  return (
    statement.locks &&
    statement.columns.every(({ value }) => !('evaluation' in value) || value.evaluation === null)
  )
}

/** libpg-query treats comments as tokens, so it refuses them before UESCAPE and within a constant on several lines. */
export const isMisreadByJudge = (text: string): boolean =>
  (/uescape/i.test(text) && /--|\/\*/.test(text)) || /'\s*--[^\n\r]*[\n\r]/.test(text)

const KINDS: Readonly<Record<string, Statement['kind']>> = {
  TransactionStmt: 'transaction',
  VariableSetStmt: 'set',
  ConstraintsSetStmt: 'set',
  VariableShowStmt: 'show',
  DiscardStmt: 'discard',
}

function judgeOne(statement: Statement, node: Node): readonly string[] {
  if (statement.kind === 'suspicious') return []
  const names = lockNames(node)
  const [type] = Object.keys(node)
  if (statement.kind === 'select')
    return statement.locks ? judgeSelect(statement.columns, node) : names.map(passedOn)
  const wrong = names.map(passedOn)
  const kind = KINDS[type!]
  if (kind === 'transaction' && statement.kind !== kind)
    wrong.push(`a transaction statement is ${statement.kind}`)
  if (kind === 'discard' && statement.kind !== kind) wrong.push(`a DISCARD is ${statement.kind}`)
  if (kind === undefined && ['transaction', 'discard', 'set', 'show'].includes(statement.kind))
    wrong.push(`${type} is ${statement.kind}`)
  return [...wrong, ...judgeAction(statement, node)]
}

const passedOn = (name: string): string => `${name} is passed on`

const ACTIONS: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback-to',
  TRANS_STMT_PREPARE: 'prepare',
  TRANS_STMT_COMMIT_PREPARED: 'commit-prepared',
  TRANS_STMT_ROLLBACK_PREPARED: 'rollback-prepared',
}

function judgeAction(statement: Statement, node: Node): readonly string[] {
  if (statement.kind !== 'transaction') return []
  const { kind, savepoint_name, gid, chain } = node['TransactionStmt'] as Record<string, string | boolean>
  const right = {
    action: ACTIONS[kind as string],
    name: savepoint_name ?? gid ?? null,
    isChained: chain ?? false,
  }
  const { action, name, isChained } = statement
  // The parser leaves out empty values.
  return JSON.stringify({ action, name: name === '' ? null : name, isChained }) === JSON.stringify(right)
    ? []
    : [`${JSON.stringify(right)} is ${JSON.stringify({ action, name, isChained })}`]
}

const PLAIN_SELECT = new Set(['targetList', 'fromClause', 'limitCount', 'limitOption', 'op', 'all'])

/** The SELECT must contain exactly what was recognized, in the same order, with the same keys. */
function judgeSelect(columns: readonly Column[], node: Node): readonly string[] {
  const select = node['SelectStmt'] as Record<string, unknown> | undefined
  if (select === undefined) return ['no SELECT']
  const strange = Object.keys(select).filter((key) => !PLAIN_SELECT.has(key))
  const wrong = strange.map((key) => `${key} is not known`)
  const calls = callsOf(select)
  const recognized = columns.flatMap(({ value }) =>
    value.is === 'lock' || value.is === 'own' ? [value] : [],
  )
  if (calls.length !== recognized.length) wrong.push(`${recognized.length} calls instead of ${calls.length}`)
  for (const [i, call] of recognized.entries()) {
    const real = calls[i]
    if (real === undefined) continue
    if (real.name !== (call.is === 'lock' ? call.function : `lockpool.${call.function}`))
      wrong.push(`${call.function} instead of ${real.name}`)
    const given = call.is === 'lock' ? call.key : Object.values(call.arguments)
    if (given.length !== real.args.length) wrong.push('other arguments')
    if (call.is === 'lock') given.forEach((one, k) => wrong.push(...judgeArgument(one, real.args[k])))
    if (call.evaluation !== null && parsed(call.evaluation.text) === null)
      wrong.push('the evaluation is unreadable')
    else if (call.evaluation !== null && call.is === 'lock')
      wrong.push(...judgeEvaluation(call.evaluation.text, real.args))
  }
  return [...wrong, ...judgeNames(columns, select)]
}

interface Call {
  readonly name: string
  readonly args: readonly unknown[]
}

/**
 * All calls of lock functions and of lockpool's functions. Names have one part if they have no schema, or `pg_catalog`.
 * FROM comes first, because it runs first.
 */
function callsOf(select: Record<string, unknown>): readonly Call[] {
  const calls: Call[] = []
  const see = (key: string, value: unknown): void => {
    if (key !== 'FuncCall') return
    const { funcname, args = [] } = value as { funcname: { String: { sval: string } }[]; args?: unknown[] }
    const parts = funcname.map(({ String }) => String.sval)
    const name = parts.at(-1)!
    if (LOCK_NAME.test(name))
      calls.push({ name: parts.length === 1 || parts[0] === 'pg_catalog' ? name : parts.join('.'), args })
    else if (parts[0] === 'lockpool') calls.push({ name: parts.join('.'), args })
  }
  visit(select['fromClause'], see)
  visit(select['targetList'], see)
  return calls
}

function judgeArgument(argument: Argument, node: unknown): readonly string[] {
  if (argument.is === 'expression') return []
  const leaf = leafOf(node)
  if (argument.is === 'parameter')
    return leaf.is === 'param' && leaf.value === argument.index ? [] : ['another parameter']
  if (argument.value === null) return leaf.is === 'null' ? [] : ['no NULL']
  return leaf.is === 'const' && String(leaf.value).trim().replace('+', '') === String(argument.value)
    ? []
    : [`the key ${argument.value} is ${JSON.stringify(leaf)}`]
}

type Leaf = { readonly is: 'param' | 'const' | 'null' | 'else'; readonly value?: unknown }

function leafOf(node: unknown): Leaf {
  const { TypeCast, A_Const, ParamRef, A_Expr } = node as Record<string, Record<string, unknown> | undefined>
  if (TypeCast !== undefined) return leafOf(TypeCast['arg'])
  if (ParamRef !== undefined) return { is: 'param', value: ParamRef['number'] }
  if (A_Expr?.['lexpr'] === undefined && A_Expr?.['rexpr'] !== undefined) {
    const inner = leafOf(A_Expr['rexpr'])
    return inner.is === 'const' && /^\d+$/.test(String(inner.value))
      ? { is: 'const', value: -BigInt(String(inner.value)) }
      : { is: 'else' }
  }
  if (A_Const === undefined) return { is: 'else' }
  if (A_Const['isnull'] === true) return { is: 'null' }
  const { ival, sval, fval } = A_Const as Record<string, Record<string, unknown> | undefined>
  if (ival !== undefined) return { is: 'const', value: number(ival['ival'] ?? 0) }
  if (sval !== undefined) return { is: 'const', value: number(sval['sval'] ?? '') }
  return fval === undefined ? { is: 'else' } : { is: 'const', value: fval['fval'] }
}

/** Numbers without leading zeros, so that equal numbers compare as equal. */
const number = (value: unknown): unknown =>
  /^\s*[-+]?\d+\s*$/.test(String(value)) ? BigInt(String(value).trim().replace('+', '')) : value

/** The evaluation must contain the same expressions as the call. */
function judgeEvaluation(text: string, args: readonly unknown[]): readonly string[] {
  const select = parsed(text)![0]!['SelectStmt'] as {
    targetList: { ResTarget: { val: { FuncCall: Node } } }[]
  }
  const evaluated = select.targetList.map(({ ResTarget }) => (ResTarget.val.FuncCall['args'] as unknown[])[0])
  const count = parsed(text)!.length
  return count === 1 && bare(evaluated) === bare(args) ? [] : ['the evaluation is about something else']
}

const bare = (node: unknown): string =>
  JSON.stringify(node, (key, value: unknown) =>
    /location$|^(?:list|rexpr_list)_(?:start|end)$/.test(key) ? undefined : value,
  )

function judgeNames(columns: readonly Column[], select: Record<string, unknown>): readonly string[] {
  const targets = (select['targetList'] as { ResTarget: { name?: string; val: unknown } }[]).map(
    ({ ResTarget }) => ResTarget,
  )
  if (bare(targets).includes('A_Star')) return []
  const shown = columns.filter(({ isHidden }) => !isHidden)
  if (shown.length !== targets.length) return [`${shown.length} columns instead of ${targets.length}`]
  return targets.flatMap(({ name }, i) =>
    name === undefined || name === shown[i]!.name ? [] : [`column ${shown[i]!.name} instead of ${name}`],
  )
}
