import type { LockRow, LockTarget } from '../dialect/server-state.js'

type RowTarget = Extract<LockTarget, { kind: 'row' }>

/**
 * PostgreSQL records a row lock in the row itself, and pg_locks does not show it. The first waiter locks the tuple and waits
 * for the holder's transaction to end; later waiters wait for the tuple. So a session that waits for a transaction while it
 * has a tuple waits for that row, and the session of that transaction has the row. A wait for a transaction without a tuple
 * may be for a row that does not exist yet: two sessions have inserted the same key.
 */
export function rowsBehindTransactions(rows: readonly LockRow[]): LockRow[] {
  const tuples = new Map<number, LockRow & { readonly target: RowTarget }>()
  for (const row of rows) if (row.isGranted && isRow(row)) tuples.set(row.pid, row)
  /** The sessions that wait for a transaction on behalf of a row. */
  const first = new Set<number>()
  const rowsOf = new Map<string, Map<string, RowTarget>>()
  for (const { target, isGranted, pid } of rows) {
    const tuple = tuples.get(pid)
    if (target.kind !== 'transaction' || isGranted || tuple === undefined) continue
    first.add(pid)
    const known = rowsOf.get(target.transaction) ?? new Map<string, RowTarget>()
    rowsOf.set(target.transaction, known.set(placeOf(tuple.target), tuple.target))
  }
  return rows.flatMap((row) => {
    const { target, isGranted, pid } = row
    // The session that has the tuple is the first waiter for the row, and shown as such.
    if (target.kind === 'row' && isGranted && first.has(pid)) return []
    if (target.kind !== 'transaction') return [row]
    if (isGranted) {
      const held = rowsOf.get(target.transaction)
      return held === undefined ? [row] : [...held.values()].map((each) => ({ ...row, target: each }))
    }
    const tuple = tuples.get(pid)
    return [tuple === undefined ? row : { ...row, target: tuple.target, mode: tuple.mode }]
  })
}

function isRow(row: LockRow): row is LockRow & { readonly target: RowTarget } {
  return row.target.kind === 'row'
}

function placeOf({ table, page, tuple }: RowTarget): string {
  return `${table} ${page},${tuple}`
}
