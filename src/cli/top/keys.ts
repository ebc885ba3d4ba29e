/** What terminals send for keys that are not letters, with the names used here. Terminals send different sequences. */
const SEQUENCES: Readonly<Record<string, string>> = {
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  '\u001b[5~': 'page up',
  '\u001b[6~': 'page down',
  '\u001b[H': 'home',
  '\u001bOH': 'home',
  '\u001b[1~': 'home',
  '\u001b[F': 'end',
  '\u001bOF': 'end',
  '\u001b[4~': 'end',
  '\u001bOP': 'F1',
  '\u001b[11~': 'F1',
  '\u001b[[A': 'F1',
  '\u001bOQ': 'F2',
  '\u001b[12~': 'F2',
  '\u001b[[B': 'F2',
  '\u001bOR': 'F3',
  '\u001b[13~': 'F3',
  '\u001b[[C': 'F3',
  '\r': 'enter',
  '\n': 'enter',
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\u0003': 'interrupt',
  '\u001a': 'suspend',
  '\u000c': 'redraw',
}

const ESCAPE = '\u001b'

/** A whole escape sequence, which a terminal sends for one key. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const SEQUENCE = /^\u001b(?:\[\[?[\d;]*[A-Za-z~]|O[A-Za-z])/

/**
 * The keys in one chunk of terminal input, which may contain several: letters as they are, others by name. Unknown sequences
 * are left out. A lone escape is the Escape key, because terminals send whole sequences.
 */
export function keysIn(input: string): string[] {
  const keys: string[] = []
  let rest = input
  while (rest !== '') {
    const sequence = SEQUENCE.exec(rest)?.[0] ?? String.fromCodePoint(rest.codePointAt(0)!)
    rest = rest.slice(sequence.length)
    const named = SEQUENCES[sequence]
    if (named !== undefined) keys.push(named)
    else if (sequence === ESCAPE) keys.push('escape')
    else if (sequence >= ' ' && !sequence.startsWith(ESCAPE)) keys.push(sequence)
  }
  return keys
}
