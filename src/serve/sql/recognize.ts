/**
 * Classifies each statement of a query string. It recognizes a lock call only in syntax that is known for certain. If a
 * statement may reach a lock function in any other way, it is `suspicious`.
 */
import { readNamed } from './named.js'
import { Reader } from './reader.js'
import { scan } from './scan.js'
import { readSelect } from './select.js'
import { readSetting } from './setting.js'
import { split, type Piece } from './split.js'
import type { Recognition, Statement, SuspiciousStatement } from './statement.js'
import { suspicionOf } from './suspicion.js'
import type { Token } from './token.js'
import { readTransaction } from './transaction.js'

export interface RecognizeOptions {
  /** The setting `standard_conforming_strings` of the session, before the query string runs. */
  readonly standardConformingStrings: boolean
}

/** Never throws: if PostgreSQL would refuse the text, there is a `problem`. */
export function recognize(text: string, { standardConformingStrings }: RecognizeOptions): Recognition {
  const { tokens, problem } = scan(text, standardConformingStrings)
  if (problem !== null)
    return {
      statements: [],
      problem: { message: problem.message, position: characters(text, problem.at) + 1 },
    }
  const pieces = split(tokens)
  const statements = pieces.map((piece) => recognizeOne(text, piece))
  return { statements: withOtherReading(text, tokens, statements, standardConformingStrings), problem: null }
}

/** PostgreSQL counts code points. */
const characters = (text: string, end: number): number => Array.from(text.slice(0, end)).length

function recognizeOne(text: string, piece: Piece): Statement {
  const start = piece[0]!.start
  const base = { text: text.slice(start, piece.at(-1)!.end), start, parameterCount: highest(piece) }
  const word = piece[0]!.value
  if (!piece.some(isUnreliable)) {
    const select = word === 'select' ? readSelect(new Reader(text, piece)) : null
    if (select !== null) return { ...base, kind: 'select', ...select }
  }
  const suspicion = suspicionOf(piece)
  if (suspicion !== null) return { ...base, kind: 'suspicious', ...suspicion }
  const transaction = readTransaction(new Reader(text, piece))
  if (transaction !== null) return { ...base, kind: 'transaction', ...transaction }
  const setting = readSetting(new Reader(text, piece))
  if (setting !== null) return { ...base, ...setting }
  const named = readNamed(new Reader(text, piece))
  if (named !== null) return { ...base, kind: 'named', ...named }
  return { ...base, kind: 'other', word }
}

const isUnreliable = ({ type, isUnsure }: Token): boolean =>
  type === 'junk' || (isUnsure && type !== 'string')

const highest = (piece: Piece): number =>
  piece.reduce((most, { type, value }) => (type === 'param' ? Math.max(most, Number(value)) : most), 0)

/**
 * The server that gets a statement may interpret backslashes differently than this session. If the text then has other
 * tokens, and they may lock, the whole text is suspicious.
 */
function withOtherReading(
  text: string,
  tokens: readonly Token[],
  statements: readonly Statement[],
  standardStrings: boolean,
): readonly Statement[] {
  if (!text.includes('\\')) return statements
  const other = scan(text, !standardStrings)
  if (other.problem !== null) return statements
  const isSame =
    other.tokens.length === tokens.length &&
    other.tokens.every(({ start, end }, i) => start === tokens[i]!.start && end === tokens[i]!.end)
  const pieces = split(other.tokens)
  if (isSame) return statements.map((statement, i) => doubted(statement, text, pieces[i]!))
  const isDangerous = pieces.some((piece) => suspicionOf(piece) !== null)
  return isDangerous ? [strings({ text, start: 0, parameterCount: highest(tokens) })] : statements
}

/** The tokens are the same, but the strings have other values. A statement may only be passed on if both readings are safe. */
function doubted(statement: Statement, text: string, piece: Piece): Statement {
  return recognizeOne(text, piece).kind === 'suspicious' ? strings(statement) : statement
}

const strings = ({
  text,
  start,
  parameterCount,
}: Omit<SuspiciousStatement, 'kind' | 'reason' | 'message'>): SuspiciousStatement => ({
  kind: 'suspicious',
  text,
  start,
  parameterCount,
  reason: 'strings',
  message: 'it names a lock function if backslashes in strings are read in the other way',
})
