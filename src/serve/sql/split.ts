import { isOp } from './lock-functions.js'
import type { Token } from './token.js'

/** The tokens of one statement, without the semicolon. */
export type Piece = readonly Token[]

/**
 * Splits a query string at its semicolons. Semicolons in parentheses belong to a rule (`DO (...; ...)`). From `BEGIN ATOMIC`
 * on, the rest is one piece: its body has statements too, and the text after it is checked in the same way.
 */
export function split(tokens: readonly Token[]): readonly Piece[] {
  const pieces: Piece[] = []
  let begin = 0
  let depth = 0
  for (const [i, token] of tokens.entries()) {
    if (token.type === 'word' && token.value === 'atomic' && isBegin(tokens[i - 1])) break
    if (token.type !== 'op') continue
    if (token.value === '(') depth++
    else if (token.value === ')') depth--
    else if (token.value === ';' && depth <= 0) {
      pieces.push(tokens.slice(begin, i))
      begin = i + 1
      depth = 0
    }
  }
  pieces.push(withoutLast(tokens.slice(begin)))
  return pieces.filter(({ length }) => length > 0)
}

const isBegin = (token: Token | undefined): boolean => token?.type === 'word' && token.value === 'begin'

/** After `BEGIN ATOMIC`, the last semicolon is still there. */
const withoutLast = (piece: Piece): Piece => (isOp(piece.at(-1), ';') ? piece.slice(0, -1) : piece)
