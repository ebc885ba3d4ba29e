/**
 * Characters that move the cursor, change how the screen looks, end a line, or reverse the direction of text: C0 and C1
 * controls, line and paragraph separators, and the marks, embeddings, overrides and isolates of bidirectional text. Also half
 * of a surrogate pair.
 */
const HARMFUL =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu

/**
 * Makes text from outside safe to show or log in one line: a name, a message of a server or of another process. It replaces
 * each harmful character with one harmless character.
 */
export function printable(text: string): string {
  return text.replaceAll(HARMFUL, '\ufffd')
}

/** Like `printable`, for a text with several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** A name in quotes, without loss: control characters are escaped, so that they cannot do harm. */
export function quoted(text: string): string {
  return jsonLine(text)
}

/** In ASCII. Other characters become escapes, as in a JavaScript string. */
export function asciiOf(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/** As JSON, in one line: for programs, and harmless where people read it. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    HARMFUL,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A word for the command line of a shell, which reads it as `text`. Harmful characters are escaped as in bash and zsh. */
export function shellWord(text: string): string {
  if (/^[\w./:@%+,-][\w./:@%+,=-]*$/.test(text)) return text
  const isSafe = printable(text) === text
  if (isSafe) return `'${text.replaceAll("'", String.raw`'\''`)}'`
  return `$'${text.replaceAll(/[\\']/g, String.raw`\$&`).replaceAll(HARMFUL, escaped)}'`
}

function escaped(character: string): string {
  return `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`
}
