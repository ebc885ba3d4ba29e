import { checkSurrogates, fromCodePoint } from './scan-string.js'
import { ScanError, type Token } from './token.js'

/** A `U&""` or `U&''` that waits for a UESCAPE, which may follow it. */
export interface RawToken extends Token {
  readonly hasEscapes: boolean
}

/** Resolves `U&` tokens and removes the UESCAPE clauses, as PostgreSQL does between its scanner and its parser. */
export function resolveUnicode(raw: readonly RawToken[]): readonly Token[] {
  if (!raw.some(({ hasEscapes }) => hasEscapes)) return raw
  const tokens: Token[] = []
  for (let i = 0; i < raw.length; i++) {
    const token = raw[i]!
    if (!token.hasEscapes) {
      tokens.push(token)
      continue
    }
    const next = raw[i + 1]
    const hasClause = next?.type === 'word' && next.value === 'uescape'
    const clause = hasClause ? escapeOf(raw[i + 2], next) : '\\'
    const value = resolve(token.value, clause, token.start)
    tokens.push({ ...token, value, end: hasClause ? raw[i + 2]!.end : token.end })
    if (hasClause) i += 2
  }
  return tokens
}

function escapeOf(token: RawToken | undefined, clause: Token): string {
  if (token?.type !== 'string' || token.hasEscapes)
    throw new ScanError('UESCAPE must be followed by a simple string literal', clause.start)
  if (token.value.length !== 1 || /[0-9a-fA-F+'"\s]/.test(token.value) || token.value > '\u007f')
    throw new ScanError('invalid Unicode escape character', token.start)
  return token.value
}

function resolve(text: string, escape: string, start: number): string {
  let value = ''
  let at = 0
  while (at < text.length) {
    if (text[at] !== escape) {
      value += text[at++]
      continue
    }
    if (text[at + 1] === escape) {
      value += escape
      at += 2
      continue
    }
    const isLong = text[at + 1] === '+'
    const begin = at + (isLong ? 2 : 1)
    const hex = text.slice(begin, begin + (isLong ? 6 : 4))
    if (hex.length !== (isLong ? 6 : 4) || !/^[0-9a-fA-F]+$/.test(hex))
      throw new ScanError('invalid Unicode escape', start)
    value += fromCodePoint(Number.parseInt(hex, 16), start)
    at = begin + hex.length
  }
  checkSurrogates(value, start)
  return value
}
