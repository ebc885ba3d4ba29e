import { continuation } from './scan-space.js'
import { ScanError } from './token.js'

/** How backslashes are read: not at all, as in `E''`, or later, as in `U&''`. */
export type StringStyle = 'plain' | 'escaped'

export interface Scanned {
  readonly value: string
  readonly end: number
  readonly isUnsure: boolean
}

/** Scans from the opening quote. Constants that continue on another line are one. */
export function scanString(text: string, quoteAt: number, style: StringStyle): Scanned {
  let value = ''
  let isUnsure = false
  let at = quoteAt + 1
  for (;;) {
    const code = text.charCodeAt(at)
    if (at >= text.length) throw new ScanError('unterminated quoted string', quoteAt)
    if (code === 39) {
      if (text.charCodeAt(at + 1) === 39) {
        value += "'"
        at += 2
        continue
      }
      const next = continuation(text, at + 1)
      if (next === null) return { value, end: at + 1, isUnsure }
      at = next
    } else if (code === 92 && style === 'escaped') {
      const escape = readEscape(text, at)
      value += escape.value
      isUnsure ||= escape.isUnsure
      at = escape.end
    } else {
      const end = endOfRun(text, at)
      value += text.slice(at, end)
      at = end
    }
  }
}

function endOfRun(text: string, from: number): number {
  let at = from + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 39 || code === 92) break
    at++
  }
  return at
}

const LETTERS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function readEscape(text: string, at: number): Scanned {
  const next = text[at + 1]
  if (next === undefined) throw new ScanError('unterminated quoted string', at)
  if (next === 'u' || next === 'U') return readUnicode(text, at, next === 'u' ? 4 : 8)
  const octal = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4))?.[0]
  if (octal !== undefined) return byte(Number.parseInt(octal, 8) & 255, at, at + 1 + octal.length)
  const hex = next === 'x' ? /^[0-9a-fA-F]{1,2}/.exec(text.slice(at + 2, at + 4))?.[0] : undefined
  if (hex !== undefined) return byte(Number.parseInt(hex, 16), at, at + 2 + hex.length)
  return { value: LETTERS[next] ?? next, end: at + 2, isUnsure: false }
}

/** Bytes beyond ASCII form characters only together, so the value is not exact. */
function byte(code: number, at: number, end: number): Scanned {
  if (code === 0) throw new ScanError('invalid byte sequence for encoding "UTF8": 0x00', at)
  return { value: String.fromCharCode(code), end, isUnsure: code > 127 }
}

function readUnicode(text: string, at: number, digits: number): Scanned {
  const end = at + 2 + digits
  const hex = text.slice(at + 2, end)
  if (hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex)) throw new ScanError('invalid Unicode escape', at)
  return { value: fromCodePoint(Number.parseInt(hex, 16), at), end, isUnsure: false }
}

export function fromCodePoint(code: number, at: number): string {
  if (code === 0 || code > 0x10_ff_ff) throw new ScanError('invalid Unicode escape value', at)
  return String.fromCodePoint(code)
}

/** Two halves of a surrogate pair may meet, but no half may stand alone. */
export function checkSurrogates(value: string, at: number): void {
  if (/\p{Surrogate}/u.test(value)) throw new ScanError('invalid Unicode surrogate pair', at)
}

/** Scans from the opening quote. It does not resolve the escapes of `U&""`, which depend on the word that follows. */
export function scanQuotedName(text: string, quoteAt: number): Scanned {
  let value = ''
  let at = quoteAt + 1
  for (;;) {
    const end = text.indexOf('"', at)
    if (end === -1) throw new ScanError('unterminated quoted identifier', quoteAt)
    value += text.slice(at, end)
    if (text.charCodeAt(end + 1) !== 34) {
      if (value === '') throw new ScanError('zero-length delimited identifier', quoteAt)
      return { value, end: end + 1, isUnsure: false }
    }
    value += '"'
    at = end + 2
  }
}

const DELIMITER = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y

/** Null if no dollar quote begins here. */
export function scanDollarString(text: string, from: number): Scanned | null {
  DELIMITER.lastIndex = from
  const delimiter = DELIMITER.exec(text)?.[0]
  if (delimiter === undefined) return null
  const begin = from + delimiter.length
  const close = text.indexOf(delimiter, begin)
  if (close === -1) throw new ScanError('unterminated dollar-quoted string', from)
  return { value: text.slice(begin, close), end: close + delimiter.length, isUnsure: false }
}
