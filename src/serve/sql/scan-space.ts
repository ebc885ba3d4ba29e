import { isNewline, isSpace } from './characters.js'
import { ScanError } from './token.js'

/** The index of the first character that is neither white space nor part of a comment. */
export function skipSpace(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (isSpace(code)) at++
    else if (code === 45 && text.charCodeAt(at + 1) === 45) at = endOfLine(text, at)
    else if (code === 47 && text.charCodeAt(at + 1) === 42) at = endOfComment(text, at)
    else return at
  }
}

function endOfLine(text: string, from: number): number {
  let at = from
  while (at < text.length && !isNewline(text.charCodeAt(at))) at++
  return at
}

/** Comments nest. */
function endOfComment(text: string, from: number): number {
  let depth = 0
  let at = from
  while (at < text.length) {
    if (text.startsWith('/*', at)) {
      depth++
      at += 2
    } else if (text.startsWith('*/', at)) {
      depth--
      at += 2
      if (depth === 0) return at
    } else at++
  }
  throw new ScanError('unterminated /* comment', from)
}

/**
 * Where a string constant continues after its closing quote: after the next quote, if between them there is only white space
 * with at least one newline, and comments that end with a line. Null if it does not continue.
 */
export function continuation(text: string, from: number): number | null {
  let at = from
  let hasNewline = false
  for (;;) {
    const code = text.charCodeAt(at)
    if (isSpace(code)) {
      hasNewline ||= isNewline(code)
      at++
    } else if (code === 45 && text.charCodeAt(at + 1) === 45) {
      at = endOfLine(text, at)
      // A comment counts only with the newline that ends it.
      if (at >= text.length) return null
    } else return code === 39 && hasNewline ? at + 1 : null
  }
}
