/**
 * Draws screens of a terminal as one SVG that shows them in turn. The text is real text, in the colors that the reader
 * prefers.
 */

const CELL = { width: 8.4, height: 18 }
const MARGIN = 16
const BAR = 34
const SECONDS_EACH = 5

/** The colors of GitHub's themes, so that the picture matches its pages. */
const LIGHT = {
  window: '#ffffff',
  edge: '#d1d9e0',
  bar: '#f6f8fa',
  text: '#1f2328',
  dim: '#59636e',
  red: '#cf222e',
  green: '#1a7f37',
  yellow: '#9a6700',
}
const DARK = {
  window: '#0d1117',
  edge: '#3d444d',
  bar: '#151b23',
  text: '#e6edf3',
  dim: '#9198a1',
  red: '#ff7b72',
  green: '#3fb950',
  yellow: '#d29922',
}

const FONT = '14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'

/** Each screen is a list of lines, and each line a list of runs. All screens have the same size. */
export function svgOf(screens, { columns, title }) {
  const [width, height] = [
    columns * CELL.width + 2 * MARGIN,
    BAR + screens[0].length * CELL.height + 2 * MARGIN - 6,
  ]
  const frames = screens.map((lines, i) => {
    const drawing = lines.flatMap((runs, row) => runs.flatMap((run) => drawn(run, row)))
    return `<g class="frame f${i}">\n${drawing.join('\n')}\n</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" role="img" aria-label="${escaped(title)}">
<style>
${colorRules(LIGHT)}
@media (prefers-color-scheme: dark) {
${colorRules(DARK)}
}
text { font: ${FONT}; white-space: pre }
.bold { font-weight: 600 }
.shade { opacity: 0.2 }
${turns(screens.length)}
</style>
<rect class="window" x="0.5" y="0.5" width="${round(width - 1)}" height="${round(height - 1)}" rx="8"/>
<path class="bar" d="M1 ${BAR}V9a8 8 0 0 1 8-8H${round(width - 9)}a8 8 0 0 1 8 8v${BAR - 9}z"/>
<circle cx="20" cy="17" r="5.5" fill="#ff5f57"/><circle cx="38" cy="17" r="5.5" fill="#febc2e"/><circle cx="56" cy="17" r="5.5" fill="#28c840"/>
<text class="dim" x="${round(width / 2)}" y="22" text-anchor="middle">${escaped(title)}</text>
${frames.join('\n')}
</svg>
`
}

function colorRules(theme) {
  const words = ['dim', 'red', 'green', 'yellow'].map((name) => `.${name} { fill: ${theme[name]} }`)
  return [
    `.window { fill: ${theme.window}; stroke: ${theme.edge} }`,
    `.bar { fill: ${theme.bar} }`,
    `text, .text { fill: ${theme.text} }`,
    `text.inverse { fill: ${theme.window} }`,
    ...words,
  ].join('\n')
}

/**
 * Shows the screens in turn. A reader who prefers reduced motion, or whose viewer draws no animations, sees the first
 * screen.
 */
function turns(count) {
  const share = 100 / count
  const whole = count * SECONDS_EACH
  // The negative delays start the animation in the middle: the first screen is visible at once.
  const rules = Array.from(
    { length: count },
    (_, i) => `.f${i} { animation-delay: ${i * SECONDS_EACH - whole}s }`,
  )
  return `.frame { opacity: 0 }
.f0 { opacity: 1 }
@keyframes turn { 0% { opacity: 1 } ${round(share)}%, 100% { opacity: 0 } }
@media (prefers-reduced-motion: no-preference) {
.frame { animation: turn ${whole}s step-end infinite }
${rules.join('\n')}
}`
}

/** Draws block characters as rectangles, because the glyphs of a font leave gaps. */
function drawn(run, row) {
  let { column } = run
  return run.text.split(/(█+|░+)/).flatMap((text) => {
    const piece = { ...run, text, column }
    column += [...text].length
    if (text === '') return []
    return /[█░]/.test(text) ? [blocks(piece, row)] : words(piece, row)
  })
}

function blocks({ text, column, color }, row) {
  const shade = text.startsWith('░') ? ' shade' : ''
  return rect(column, row, [...text].length, `${color ?? 'text'}${shade}`, 4)
}

function words(run, row) {
  const behind = run.isInverse ? [rect(run.column, row, [...run.text].length, run.color ?? 'text', 0)] : []
  const text = run.text.trimEnd()
  const before = text.length - text.trimStart().length
  const length = [...text].length - before
  if (length === 0) return behind
  const names = { [run.isInverse ? 'inverse' : run.color]: true, bold: run.isBold, dim: run.isDim }
  const look = Object.keys(names).filter((name) => name !== 'null' && names[name])
  const place = `x="${round(MARGIN + (run.column + before) * CELL.width)}" y="${BAR + MARGIN + row * CELL.height + 10}"`
  // Keeps the width of the columns, whatever font the reader has.
  const wide = `textLength="${round(length * CELL.width)}" lengthAdjust="spacingAndGlyphs"`
  const looks = look.length === 0 ? '' : ` class="${look.join(' ')}"`
  return [...behind, `<text${looks} ${place} ${wide}>${escaped(text.trimStart())}</text>`]
}

function rect(column, row, length, look, gap) {
  const place = `x="${round(MARGIN + column * CELL.width)}" y="${BAR + MARGIN + row * CELL.height - 4 + gap}"`
  return `<rect class="${look}" ${place} width="${round(length * CELL.width)}" height="${CELL.height - 2 * gap}"/>`
}

function escaped(text) {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function round(value) {
  return Math.round(value * 10) / 10
}
