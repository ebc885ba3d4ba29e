import type { Spread } from './measure.js'
import type { Row, Target } from './row.js'

const HEADINGS = ['', 'ours', 'reference', 'ratio', 'target', ''] as const

/** Medians, and in brackets the lowest and the highest round. Notes are below the table. */
export function table(rows: readonly Row[]): string {
  const notes: string[] = []
  const lines = rows.map((row) => {
    const marks = row.notes.map((note) => ` [${noteNumber(notes, note)}]`).join('')
    return [
      row.what + marks,
      `${figures(row.ours)} ${row.unit}`,
      row.reference === null ? '' : `${row.reference.name}: ${figures(row.reference.figure)}`,
      row.ratio === null ? '' : `${figures(row.ratio)} x`,
      row.target === null ? '' : targetInWords(row.target, row.unit),
      row.target === null ? '' : row.isMet ? 'ok' : 'MISSED',
    ]
  })
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...lines.map((line) => line[column]!.length)),
  )
  const drawn = [HEADINGS, widths.map((width) => '-'.repeat(width)), ...lines].map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  const below = notes.map((note, index) => `[${index + 1}] ${note}`)
  return [...drawn, '', ...below].join('\n')
}

/** Three digits: a noisy machine does not give more. */
export function short(figure: number): string {
  if (Number.isNaN(figure)) return 'none'
  const size = Math.abs(figure)
  if (size >= 999_500) return `${digits(figure / 1e6)}M`
  if (size >= 9_995) return `${digits(figure / 1e3)}k`
  return size >= 100 ? figure.toFixed(0) : digits(figure)
}

function digits(figure: number): string {
  return String(Number(figure.toPrecision(3)))
}

function figures({ median, min, max }: Spread): string {
  return Object.is(min, max) ? short(median) : `${short(median)} (${short(min)}-${short(max)})`
}

function targetInWords({ of, is, limit }: Target, unit: string): string {
  return `${is === 'at least' ? '>=' : '<='} ${short(limit)} ${of === 'ratio' ? 'x' : unit}`
}

function noteNumber(notes: string[], note: string): number {
  if (!notes.includes(note)) notes.push(note)
  return notes.indexOf(note) + 1
}
