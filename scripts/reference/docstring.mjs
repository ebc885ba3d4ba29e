/**
 * Splits a docstring into plain parts. The prose stays Markdown. The tags `@throws` and `@internal` are read.
 *
 *     Waits for a lock.
 *
 *     @throws {LockTimeoutError} not in time, and certainly not held
 *     @throws as `acquire`, before the body runs
 */
export function parseDocstring(comment) {
  const lines = comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
  const firstTag = lines.findIndex((line) => /^\s*@\w/.test(line))
  const tags = firstTag < 0 ? [] : tagsOf(lines.slice(firstTag))
  return {
    prose: paragraphsOf(firstTag < 0 ? lines : lines.slice(0, firstTag)),
    throws: tags.filter(({ name }) => name === 'throws').map(({ text }) => throwsOf(text)),
    isInternal: tags.some(({ name }) => name === 'internal'),
  }
}

export const NO_DOCSTRING = { prose: '', throws: [], isInternal: false }

/**
 * Splits off the default and the range, which have a separate column: `Default 5. From 1 to 1000.` The other
 * sentences stay.
 */
export function splitDefault(prose) {
  const found = /(?:^|\s)Default:? (.+?)\.(?=\s|$)((?: (?:From|At most) .+?\.(?=\s|$))?)/s.exec(prose)
  if (found === null) return { rest: prose, fallback: '' }
  const [all, value, range] = found
  const rest = `${prose.slice(0, found.index)} ${prose.slice(found.index + all.length)}`.trim()
  return { rest, fallback: asCode(value) + lowerFirst(range.trim()).replace(/^(.+)\.$/, '; $1') }
}

/** Joins the lines of a paragraph. The line ends of lists and indented code stay. */
function paragraphsOf(lines) {
  return (
    lines
      .join('\n')
      .trim()
      .split(/\n\s*\n/)
      .map((block) => (/^(?:- | {4})/m.test(block) ? block : block.replaceAll(/\s*\n\s*/g, ' ')))
      // Such lists align each term and its meaning in columns.
      .map((block) => block.replaceAll(/^- (`[^`]+`) {2,}/gm, '- $1: '))
      .join('\n\n')
  )
}

function tagsOf(lines) {
  return lines
    .join('\n')
    .split(/^\s*(?=@\w)/m)
    .map((text) => /^@(\w+)\s*([\s\S]*)$/.exec(text))
    .filter((found) => found !== null)
    .map(([, name, text]) => ({ name, text: text.trim().replaceAll(/\s*\n\s*/g, ' ') }))
}

function throwsOf(text) {
  const types = [...text.matchAll(/\{(\w+)\}/g)].map(([, type]) => type)
  return { types, when: text.replaceAll(/\{\w+\}[\s,]*/g, '').trim() }
}

/** Marks a bare word or number as a value of the program. */
function asCode(value) {
  return /^(?:\d+|true|false|Infinity)\b/.test(value) ? value.replace(/^\w+/, '`$&`') : value
}

function lowerFirst(text) {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
