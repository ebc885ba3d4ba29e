/** Extra rows above and below the visible ones, so that fast scrolling does not reach empty space. */
const MORE = 12

/** The rows to make, and the height of the space that replaces the others. */
export interface RowWindow {
  readonly from: number
  readonly to: number
  readonly above: number
  readonly below: number
}

/** Makes only the rows that are visible: two thousand rows cost no more than forty. */
export function rowWindow(rows: number, rowHeight: number, scrollTop: number, height: number): RowWindow {
  const first = Math.floor(scrollTop / rowHeight) - MORE
  const from = Math.max(0, Math.min(first, rows - 1))
  const to = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + MORE)
  return { from, to: Math.max(from, to), above: from * rowHeight, below: Math.max(0, rows - to) * rowHeight }
}

/** The scroll position that makes a row visible; null if it is visible already. */
export function scrollToRow(
  row: number,
  rowHeight: number,
  scrollTop: number,
  height: number,
  headHeight: number,
): number | null {
  const top = row * rowHeight
  if (top < scrollTop) return top
  const bottom = top + rowHeight + headHeight
  return bottom > scrollTop + height ? bottom - height : null
}
