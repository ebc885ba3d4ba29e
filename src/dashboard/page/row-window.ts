/** Rows beyond what is seen, so that a quick hand finds them there. */
const MORE = 12

/** The rows to make, and the room that stands for the others. */
export interface RowWindow {
  readonly from: number
  readonly to: number
  readonly above: number
  readonly below: number
}

/** Only what can be seen is made: two thousand rows cost no more than forty. */
export function rowWindow(rows: number, rowHeight: number, scrollTop: number, height: number): RowWindow {
  const first = Math.floor(scrollTop / rowHeight) - MORE
  const from = Math.max(0, Math.min(first, rows - 1))
  const to = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + MORE)
  return { from, to: Math.max(from, to), above: from * rowHeight, below: Math.max(0, rows - to) * rowHeight }
}

/** Where to scroll so that a row is seen; null if it is. */
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
