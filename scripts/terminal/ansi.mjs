/** Reads a screen that tmux captured, as lines of runs. A run is text with one look, and the column where it begins. */

const PLAIN = { color: null, isBold: false, isDim: false, isInverse: false }

const COLORS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

// oxlint-disable-next-line no-control-regex -- what is looked for
const SEQUENCE = /\u001b\[([\d;]*)m/

export function runsOf(screen) {
  let look = PLAIN
  return screen.split('\n').map((line) => {
    const runs = []
    let column = 0
    for (const [i, part] of line.split(SEQUENCE).entries()) {
      if (i % 2 === 1) {
        look = part.split(';').map(Number).reduce(changed, look)
      } else if (part !== '') {
        runs.push({ ...look, column, text: part })
        column += [...part].length
      }
    }
    return runs
  })
}

function changed(look, code) {
  if (code === 0) return PLAIN
  if (code === 1) return { ...look, isBold: true }
  if (code === 2) return { ...look, isDim: true }
  if (code === 7) return { ...look, isInverse: true }
  if (code === 22) return { ...look, isBold: false, isDim: false }
  if (code === 27) return { ...look, isInverse: false }
  if (code === 39) return { ...look, color: null }
  if (code >= 30 && code <= 37) return { ...look, color: COLORS[code - 30] }
  return look
}
