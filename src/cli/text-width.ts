/** The width of text in a terminal: by graphemes, of which some take two cells. */

const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Each character of plain ASCII takes one cell, and most texts are plain ASCII. */
const PLAIN = /^[\u0020-\u007e]*$/

/** East Asian characters that Unicode calls wide, and emoji. */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}|^\p{Emoji}\ufe0f/u

/** Half-width forms of the same scripts. */
const NARROW = /^[\uff61-\uffdc]/

/** Combining marks and format characters that stand alone. */
const EMPTY = /^[\p{Mn}\p{Me}\p{Cf}]+$/u

/** The number of terminal cells that a text takes. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const { segment } of SEGMENTER.segment(text)) width += cellsOf(segment)
  return width
}

/** The text, cut to this many cells. A cut text ends in `end`. */
export function clipped(text: string, width: number, end: '…' | '' = '…'): string {
  if (PLAIN.test(text) ? text.length <= width : textWidth(text) <= width) return text
  let cut = ''
  let cells = 0
  for (const { segment } of SEGMENTER.segment(text)) {
    cells += cellsOf(segment)
    if (cells > width - end.length) break
    cut += segment
  }
  return width < 1 ? '' : cut + end
}

/** Like `padEnd` and `padStart`, but counted in terminal cells. */
export function padded(text: string, width: number, isRight = false): string {
  const gap = ' '.repeat(Math.max(0, width - textWidth(text)))
  return isRight ? gap + text : text + gap
}

function cellsOf(segment: string): number {
  if (EMPTY.test(segment)) return 0
  return WIDE.test(segment) && !NARROW.test(segment) ? 2 : 1
}
