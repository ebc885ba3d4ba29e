import { IN_TRANSACTION } from '../connection/server-connection.js'

/** The driver's result for an answer without rows. */
interface Header {
  readonly serverStatus: number
}

const SPACE = String.raw`(?:\s|--[^\n]*\n|#[^\n]*\n|/\*[\s\S]*?\*/)*`

/** After some of these statements another transaction is open at once, so the status does not show the end. */
const BEGINS_ANOTHER = new RegExp(
  `^${SPACE}(?:commit\\b|rollback\\b(?![\\s\\S]*\\bto\\b)|start\\b${SPACE}transaction\\b|begin\\b(?!${SPACE}not\\b))`,
  'i',
)

/** Whether the statement has ended its transaction, according to the driver's result. */
export function endsTransaction(statement: unknown, result: unknown): boolean {
  if (headersOf(result).some(({ serverStatus }) => (serverStatus & IN_TRANSACTION) === 0)) return true
  const text =
    typeof statement === 'string' ? statement : (statement as { readonly sql?: unknown } | null)?.sql
  return typeof text === 'string' && BEGINS_ANOTHER.test(text)
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
