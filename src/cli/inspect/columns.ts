import { printable } from '../../base/printable.js'
import { clipped, padded, textWidth } from '../text-width.js'

/** One column of a table: its title and its cells. */
export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Whether the cells are aligned on the right, as numbers are. */
  readonly isRight?: boolean
  /**
   * The most cells of the terminal that it takes if the table is too wide; it may get fewer. Columns without this are never
   * cut.
   */
  readonly widest?: number
  /** Left out if the table is too wide; the first such column goes first. */
  readonly isExtra?: boolean
  /** Left out if the table is too wide even with cut cells; the first such column goes first. */
  readonly isSpare?: boolean
  /** Left out if all its cells are empty. */
  readonly isOptional?: boolean
}

interface Drawn {
  readonly cells: readonly string[]
  width: number
}

/** Rows below their titles. If `width` is too small, columns are left out and cells are cut. Cut cells end in `…`. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): { readonly head: string; readonly body: readonly string[] } {
  const drawn = fitting(
    columns.flatMap((column) => {
      const cells = rows.map((row) => printable(column.cell(row)))
      const longest = cells.reduce((most, cell) => Math.max(most, textWidth(cell)), 0)
      if (column.isOptional === true && longest === 0) return []
      return [{ ...column, cells, width: Math.max(longest, textWidth(column.title)) }]
    }),
    width,
  )
  const line = (textOf: (column: (typeof drawn)[number]) => string): string =>
    clippedLine(
      drawn.map((each) => padded(clipped(textOf(each), each.width), each.width, each.isRight)).join(GAP),
      width,
    )
  return { head: line(({ title }) => title), body: rows.map((_, i) => line(({ cells }) => cells[i]!)) }
}

const GAP = '  '

/** Narrower texts cannot be distinguished. */
const NARROWEST = 8

/** The columns that are drawn, each as wide as possible. Among columns that may be cut, the widest is cut first. */
function fitting<C extends Drawn & Pick<Column<never>, 'widest' | 'isExtra' | 'isSpare'>>(
  columns: readonly C[],
  width: number,
): readonly C[] {
  if (excessOf(columns, width) <= 0) return columns
  const drawn = columns.map((each) => ({ ...each, width: Math.min(each.width, each.widest ?? Infinity) }))
  for (const extra of drawn.filter(({ isExtra }) => isExtra === true))
    if (excessOf(drawn, width) > 0) drawn.splice(drawn.indexOf(extra), 1)
  for (const spare of drawn.filter(({ isSpare }) => isSpare === true))
    if (excessOf(drawn.map(atNarrowest), width) > 0) drawn.splice(drawn.indexOf(spare), 1)
  const soft = drawn.filter(({ widest }) => widest !== undefined)
  for (let excess = excessOf(drawn, width); excess > 0; excess--) {
    const widest = soft.toSorted((a, b) => b.width - a.width)[0]
    if (widest === undefined || widest.width <= NARROWEST) break
    widest.width--
  }
  return drawn
}

function atNarrowest({ cells, width, widest }: Drawn & Pick<Column<never>, 'widest'>): Drawn {
  return { cells, width: widest === undefined ? width : Math.min(width, NARROWEST) }
}

function excessOf(columns: readonly Drawn[], width: number): number {
  return columns.reduce((sum, each) => sum + each.width + GAP.length, -GAP.length) - width
}

/** A window that is narrower than the narrowest table shows the beginning of each line. */
function clippedLine(line: string, width: number): string {
  return clipped(line.trimEnd(), width, '')
}
