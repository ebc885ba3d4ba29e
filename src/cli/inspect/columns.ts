/** One column of a table: what stands above it, and in it. */
export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Numbers stand below each other at their right ends. */
  readonly isRight?: boolean
  /** The most it takes where there is not room for all; columns without it are never cut. */
  readonly widest?: number
}

/** Rows below their titles. Where `width` is not enough, what may be cut is, and ends in `…`. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): { readonly head: string; readonly body: readonly string[] } {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))))
  const full = columns.map(({ title }, at) => Math.max(title.length, ...longest(cells, at)))
  const isTight = full.reduce((sum, each) => sum + each + GAP.length, -GAP.length) > width
  const widths = columns.map(({ widest }, at) =>
    isTight ? Math.min(full[at]!, widest ?? Infinity) : full[at]!,
  )
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => fit(text, widths[at]!, columns[at]!.isRight === true))
      .join(GAP)
      .trimEnd()
      .slice(0, width)
  return { head: line(columns.map(({ title }) => title)), body: cells.map(line) }
}

const GAP = '  '

/** Not all as arguments of `Math.max`: there may be more rows than a call can have arguments. */
function longest(cells: readonly (readonly string[])[], at: number): [number] {
  return [cells.reduce((most, row) => Math.max(most, row[at]!.length), 0)]
}

function fit(text: string, width: number, isRight: boolean): string {
  const cut = text.length <= width ? text : `${text.slice(0, Math.max(width - 1, 0))}…`
  return isRight ? cut.padStart(width) : cut.padEnd(width)
}

/** Names come from anybody, and must not move the cursor or paint the screen. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '�')
}
