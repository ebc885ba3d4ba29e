import { IN_TRANSACTION } from '../connection/server-connection.js'

/** What the driver makes of an answer without rows. */
interface Header {
  readonly serverStatus: number
}

const SPACE = String.raw`(?:\s|--[^\n]*\n|#[^\n]*\n|/\*[\s\S]*?\*/)*`

/** Behind some of these another transaction is open at once, so that the status does not tell. */
const BEGINS_ANOTHER = new RegExp(
  `^${SPACE}(?:commit\\b|rollback\\b(?![\\s\\S]*\\bto\\b)|start\\b${SPACE}transaction\\b|begin\\b(?!${SPACE}not\\b))`,
  'i',
)

/** Whether the transaction in which this statement was sent is over, by what the driver has answered. */
export function endsTransaction(statement: unknown, result: unknown): boolean {
  if (headersOf(result).some(({ serverStatus }) => (serverStatus & IN_TRANSACTION) === 0)) return true
  const text =
    typeof statement === 'string' ? statement : (statement as { readonly sql?: unknown } | null)?.sql
  return typeof text === 'string' && BEGINS_ANOTHER.test(text)
}

/** Procedures, and several statements in one text, have a list of answers. Otherwise a list has rows alone. */
function headersOf(result: unknown): readonly Header[] {
  if (!Array.isArray(result)) return isHeader(result) ? [result] : []
  const answers = result as readonly unknown[]
  return Array.isArray(answers[0]) || isHeader(answers[0]) ? answers.filter(isHeader) : []
}

/** Rows may have a column of any name. */
function isHeader(answer: unknown): answer is Header {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return false
  return answer.constructor.name === 'ResultSetHeader' && 'serverStatus' in answer
}
