/**
 * What moves the cursor, paints the screen, ends a line, or makes what follows read backwards: C0 and C1 controls, line and
 * paragraph separators, and the marks, embeddings, overrides and isolates of bidirectional text. And half a character.
 */
const HARMFUL =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu

/**
 * A text of others, to be shown or logged in one line: names, messages of a server, what another process says. Whatever it
 * holds, it stays where it is put, and each character takes one place.
 */
export function printable(text: string): string {
  return text.replaceAll(HARMFUL, '\ufffd')
}

/** The same for a text with several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** A name in quotes, without loss: control characters are escaped, so that they cannot do harm. */
export function quoted(text: string): string {
  return jsonLine(text)
}

/** In ASCII, for a place that has no other characters: what is not is written as in a string of JavaScript. */
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
