import { IN_TRANSACTION } from '../connection/server-connection.js'

/** The driver's result for an answer without rows. */
interface Header {
  readonly serverStatus: number
}

const SPACE = String.raw`(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*[\s\S]*?\*/)*`

/**
 * Statements that end the transaction. After some of them another transaction is open at once, so the status does not show
 * the end. BEGIN with more words is a block of statements.
 */
const BEGINS_ANOTHER = new RegExp(
  `^${SPACE}(?:commit\\b|rollback\\b(?![\\s\\S]*\\bto\\b)|start\\b${SPACE}transaction\\b|begin\\b${SPACE}(?:work\\b${SPACE})?$)`,
  'i',
)

/** MariaDB's blocks outside a procedure. They are one statement, and what of them has run is unknown. */
const IS_BLOCK = new RegExp(
  `^${SPACE}(?:begin\\b${SPACE}not\\b|(?:if|case|loop|while|repeat|for)\\b|<<)`,
  'i',
)

/** Parts of a text in which a semicolon separates no statements. Without alternatives in the loop, they can be long. */
const STRING = String.raw`'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"|` + '`[^`]*`'
const COMMENT = String.raw`--(?=\s|$)[^\n]*|#[^\n]*|/\*(?!M?!)[\s\S]*?\*/`
const NOT_CODE = new RegExp(`(${STRING})|${COMMENT}`, 'g')

/** Whether the statement, or one of several in a text, has ended the transaction, according to the driver's result. */
export function endsTransaction(statement: unknown, result: unknown): boolean {
  if (headersOf(result).some(({ serverStatus }) => (serverStatus & IN_TRANSACTION) === 0)) return true
  return statementsIn(statement).some((each) => BEGINS_ANOTHER.test(each))
}

/**
 * Whether a text with several statements may have ended the transaction before one of them failed. The driver's error does
 * not say which one, so each but the last may have succeeded.
 */
export function mayHaveEndedBeforeError(statement: unknown): boolean {
  return statementsIn(statement)
    .filter((each) => /\S/.test(each))
    .slice(0, -1)
    .some((each) => BEGINS_ANOTHER.test(each))
}

/** The statements of a text. A single statement is returned unchanged. */
function statementsIn(statement: unknown): readonly string[] {
  const text =
    typeof statement === 'string' ? statement : (statement as { readonly sql?: unknown } | null)?.sql
  if (typeof text !== 'string') return []
  if (!text.includes(';') || IS_BLOCK.test(text)) return [text]
  const code = text.replaceAll(NOT_CODE, (_, string: string | undefined) =>
    string === undefined ? ' ' : `''`,
  )
  return code.split(';')
}

/**
 * The headers in a result. Procedures, and texts with several statements, have a list of answers; any other list contains
 * only rows.
 */
function headersOf(result: unknown): readonly Header[] {
  if (!Array.isArray(result)) return isHeader(result) ? [result] : []
  const answers = result as readonly unknown[]
  return Array.isArray(answers[0]) || isHeader(answers[0]) ? answers.filter(isHeader) : []
}

/** Checks the class, because rows may have a column of any name. */
function isHeader(answer: unknown): answer is Header {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return false
  return answer.constructor.name === 'ResultSetHeader' && 'serverStatus' in answer
}
