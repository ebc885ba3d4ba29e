/**
 * Decides whether a statement in unknown syntax may reach an advisory function. It cannot judge user-defined functions and
 * triggers, because their names show nothing.
 */
import { isAdvisory, isName, isOp, namesLock } from './lock-functions.js'
import { PURE_FUNCTIONS } from './pure.js'
import { scan } from './scan.js'
import type { SuspicionReason } from './statement.js'
import type { Token } from './token.js'

export interface Suspicion {
  readonly reason: SuspicionReason
  readonly message: string
}

/** The depth of nested bodies that is checked. PostgreSQL's own limit is far above what programs write. */
const MAX_DEPTH = 8

export function suspicionOf(tokens: readonly Token[]): Suspicion | null {
  return (
    namedSuspicion(tokens) ??
    dynamicCallSuspicion(tokens) ??
    (holdsCode(tokens) ? codeSuspicion(tokens) : argumentSuspicion(tokens))
  )
}

function namedSuspicion(tokens: readonly Token[]): Suspicion | null {
  const token = tokens.find((_, i) => namesLock(tokens, i))
  if (token === undefined) return null
  return { reason: 'shape', message: `${token.value} is called in a way that is not known to be safe here` }
}

/** Functions of PostgreSQL and its extensions that run the SQL of a string. */
const RUN_STRINGS =
  /^(?:query_to_xml|query_to_xmlschema|query_to_xml_and_xmlschema|cursor_to_xml|cursor_to_xmlschema|ts_stat|ts_rewrite|crosstab\w*|connectby|xpath_table|dblink\w*|schedule|schedule_in_database)$/

function dynamicCallSuspicion(tokens: readonly Token[]): Suspicion | null {
  const token = tokens.find(
    (candidate, i) => isName(candidate) && RUN_STRINGS.test(candidate.value) && isOp(tokens[i + 1], '('),
  )
  if (token === undefined) return null
  return { reason: 'dynamic', message: `${token.value} runs SQL that only the server sees` }
}

/** Statements whose strings are code, or may be run as code later. */
function holdsCode(tokens: readonly Token[]): boolean {
  const first = tokens[0]
  return first?.type === 'word' && ['do', 'create', 'alter', 'prepare', 'execute'].includes(first.value)
}

function codeSuspicion(tokens: readonly Token[]): Suspicion | null {
  const strings = tokens.filter(({ type }) => type === 'string').map(({ value }) => value)
  if (strings.some(isAdvisory) || isAdvisory(strings.join(''))) return HIDDEN
  if (tokens[0]!.value !== 'do')
    return strings.map((body) => bodySuspicion(body, 'named', 1)).find((found) => found !== null) ?? null
  if (!isPlpgsql(tokens))
    return { reason: 'dynamic', message: 'DO runs code in a language that is not read here' }
  return strings.map((body) => bodySuspicion(body, 'run', 1)).find((found) => found !== null) ?? null
}

const HIDDEN: Suspicion = {
  reason: 'text',
  message: 'a string or body that is run as code names an advisory lock function',
}

function isPlpgsql(tokens: readonly Token[]): boolean {
  const at = tokens.findIndex(({ type, value }) => type === 'word' && value === 'language')
  return at === -1 || tokens[at + 1]?.value.toLowerCase() === 'plpgsql'
}

/** `named`: the body is only stored. `run`: the body runs now, so SQL that it builds at run time is suspicious too. */
function bodySuspicion(body: string, how: 'named' | 'run', depth: number): Suspicion | null {
  if (depth > MAX_DEPTH) return { reason: 'dynamic', message: 'code within code within code' }
  for (const standardStrings of [true, false]) {
    const { tokens, problem } = scan(body, standardStrings)
    // It is code in the other mode, or no code at all, such as the comment of a table.
    if (problem !== null) continue
    const found = namedSuspicion(tokens) ?? innerSuspicion(tokens, how, depth)
    if (found !== null) return found
    if (!body.includes('\\')) break
  }
  return null
}

function innerSuspicion(tokens: readonly Token[], how: 'named' | 'run', depth: number): Suspicion | null {
  const strings = tokens.filter(({ type }) => type === 'string').map(({ value }) => value)
  if (strings.some(isAdvisory) || isAdvisory(strings.join(''))) return HIDDEN
  if (how === 'run') {
    const dynamic = dynamicCallSuspicion(tokens) ?? executeSuspicion(tokens)
    if (dynamic !== null) return dynamic
  }
  return strings.map((inner) => bodySuspicion(inner, how, depth + 1)).find((found) => found !== null) ?? null
}

/** `EXECUTE` in a body: a single constant is checked like code; any other argument is unknown. */
function executeSuspicion(tokens: readonly Token[]): Suspicion | null {
  const at = tokens.findIndex((token, i) => {
    if (token.type !== 'word' || token.value !== 'execute') return false
    const before = tokens[i - 1]
    if (before?.type === 'word' && ['grant', 'revoke'].includes(before.value)) return false
    const [argument, after] = [tokens[i + 1], tokens[i + 2]]
    const isConstant = argument?.type === 'string' && !argument.isUnsure
    const ends = isOp(after, ';') || (after?.type === 'word' && ['using', 'into'].includes(after.value))
    return !(isConstant && ends)
  })
  if (at === -1) return null
  return { reason: 'dynamic', message: 'EXECUTE runs SQL that is put together at run time' }
}

/** A word before a parenthesis that is not a function call. */
const NO_CALL = new Set(
  'values in and or not any all some array as on where when then else case select from by having union except intersect exists using over filter within with between like ilike returning set limit offset distinct is row interval varchar char numeric check key references'.split(
    ' ',
  ),
)

/** A string with the name of an advisory function is data, except as an argument of a function that may run it. */
function argumentSuspicion(tokens: readonly Token[]): Suspicion | null {
  if (!tokens.some(({ type, value }) => type === 'string' && isAdvisory(value))) return null
  const calls: boolean[] = []
  for (const [i, token] of tokens.entries()) {
    if (isOp(token, '(')) calls.push(isCall(tokens, i))
    else if (isOp(token, ')')) calls.pop()
    else if (token.type === 'string' && isAdvisory(token.value) && calls.includes(true))
      return { reason: 'text', message: 'a function is given a text that names an advisory lock function' }
  }
  return null
}

function isCall(tokens: readonly Token[], parenthesisAt: number): boolean {
  const before = tokens[parenthesisAt - 1]
  if (before === undefined || !isName(before)) return false
  if (before.type === 'word' && (NO_CALL.has(before.value) || PURE_FUNCTIONS.has(before.value))) return false
  return !isInsertTarget(tokens, parenthesisAt - 1)
}

/** `INSERT INTO notes (...)`, with or without a schema. */
function isInsertTarget(tokens: readonly Token[], nameAt: number): boolean {
  let at = nameAt
  while (isOp(tokens[at - 1], '.')) at -= 2
  const before = tokens[at - 1]
  return before?.type === 'word' && before.value === 'into'
}
