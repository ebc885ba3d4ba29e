/**
 * Splits a query string into tokens exactly as PostgreSQL's scanner does (`scan.l`, and the look-ahead for UESCAPE in
 * `parser.c`). The ends of strings, quoted names and comments matter most: with a wrong end, text would look like code.
 */
import { foldCase, isDigit, isNamePart, isNameStart, isOperatorCharacter } from './characters.js'
import { skipSpace } from './scan-space.js'
import { checkSurrogates, scanDollarString, scanQuotedName, scanString, type Scanned } from './scan-string.js'
import { resolveUnicode, type RawToken } from './scan-unicode.js'
import { ScanError, type Scan, type TokenType } from './token.js'

/** `standardStrings`: whether a backslash in `'...'` is an ordinary character. */
export function scan(text: string, standardStrings: boolean): Scan {
  const raw: RawToken[] = []
  try {
    let at = skipSpace(text, 0)
    while (at < text.length) {
      const token = readToken(text, at, standardStrings)
      raw.push(token)
      at = skipSpace(text, token.end)
    }
    return { tokens: resolveUnicode(raw), problem: null }
  } catch (error) {
    if (!(error instanceof ScanError)) throw error
    return { tokens: [], problem: { message: error.message, at: error.at } }
  }
}

function readToken(text: string, at: number, standardStrings: boolean): RawToken {
  const code = text.charCodeAt(at)
  if (isNameStart(code)) return readPrefixed(text, at, standardStrings) ?? readWord(text, at)
  if (code === 39) return plainString(text, at, at, standardStrings)
  if (code === 34) return made('name', at, scanQuotedName(text, at))
  if (isDigit(code) || (code === 46 && isDigit(text.charCodeAt(at + 1)))) return readNumber(text, at)
  if (code === 36) return readDollar(text, at)
  if (isOperatorCharacter(code)) return short('op', text, at, endOfOperator(text, at))
  return readPunctuation(text, at)
}

function readWord(text: string, at: number): RawToken {
  let end = at + 1
  while (end < text.length && isNamePart(text.charCodeAt(end))) end++
  return made('word', at, { value: foldCase(text.slice(at, end)), end, isUnsure: false })
}

/** `E''`, `B''`, `X''`, `U&''`, `U&""`. `N''` is the word NCHAR and a plain string: the word is kept as `n`. */
function readPrefixed(text: string, at: number, standardStrings: boolean): RawToken | null {
  const letter = text[at]!.toLowerCase()
  const next = text.charCodeAt(at + 1)
  if (letter === 'u' && next === 38) return readUnicodeQuoted(text, at, standardStrings)
  if (next !== 39) return null
  if (letter === 'e') return plainString(text, at, at + 1, false)
  if (letter === 'b' || letter === 'x') return made('bits', at, scanString(text, at + 1, 'plain'))
  return null
}

function readUnicodeQuoted(text: string, at: number, standardStrings: boolean): RawToken | null {
  const quote = text.charCodeAt(at + 2)
  if (quote === 34) return { ...made('name', at, scanQuotedName(text, at + 2)), hasEscapes: true }
  if (quote !== 39) return null
  if (!standardStrings) throw new ScanError('unsafe use of string constant with Unicode escapes', at)
  return { ...made('string', at, scanString(text, at + 2, 'plain')), hasEscapes: true }
}

function plainString(text: string, at: number, quoteAt: number, isStandard: boolean): RawToken {
  const scanned = scanString(text, quoteAt, isStandard ? 'plain' : 'escaped')
  if (!isStandard) checkSurrogates(scanned.value, at)
  return made('string', at, scanned)
}

const NUMBER =
  /0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*(?:\.(?!\.)(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][-+]?\d(?:_?\d)*)?/y

function readNumber(text: string, at: number): RawToken {
  NUMBER.lastIndex = at
  const value = NUMBER.exec(text)?.[0] ?? text[at]!
  const end = at + value.length
  return made('number', at, { value, end, isUnsure: isNameStart(text.charCodeAt(end)) })
}

function readDollar(text: string, at: number): RawToken {
  const scanned = scanDollarString(text, at)
  if (scanned !== null) return made('string', at, scanned)
  let end = at + 1
  while (isDigit(text.charCodeAt(end))) end++
  if (end === at + 1) return short('junk', text, at, end)
  const isUnsure = isNameStart(text.charCodeAt(end))
  return made('param', at, { value: text.slice(at + 1, end), end, isUnsure })
}

/** An operator ends before a comment, and ends with `+` or `-` only if it has one of the rarer characters as well. */
function endOfOperator(text: string, at: number): number {
  let end = at + 1
  while (isOperatorCharacter(text.charCodeAt(end))) {
    const pair = text.slice(end, end + 2)
    if (pair === '--' || pair === '/*') break
    end++
  }
  if (!/[~!@#^&|`?%]/.test(text.slice(at, end))) while (end > at + 1 && /[-+]/.test(text[end - 1]!)) end--
  return end
}

function readPunctuation(text: string, at: number): RawToken {
  const two = text.slice(at, at + 2)
  if (two === '::' || two === ':=' || two === '..') return short('op', text, at, at + 2)
  return short(',()[].;:'.includes(text[at]!) ? 'op' : 'junk', text, at, at + 1)
}

const made = (type: TokenType, start: number, { value, end, isUnsure }: Scanned): RawToken => ({
  type,
  start,
  end,
  value,
  isUnsure,
  hasEscapes: false,
})

const short = (type: TokenType, text: string, start: number, end: number): RawToken =>
  made(type, start, { value: text.slice(start, end), end, isUnsure: false })
