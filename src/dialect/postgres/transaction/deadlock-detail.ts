/** What a session in a cycle waits for. */
export type DeadlockTarget =
  /** An advisory key: the id of its code, and a text for readers who do not know its name. */
  | { readonly kind: 'key'; readonly id: string; readonly text: string }
  | { readonly kind: 'table' | 'row'; readonly table: string }
  | { readonly kind: 'other'; readonly text: string }

/** A session that waits for what the next one holds. */
export interface DeadlockEdge {
  readonly pid: number
  readonly target: DeadlockTarget
}

/**
 * Reads the cycle from the detail of the server's error, which has one line per waiting session. The first line is the
 * session that got the error. Returns null if the text can't be parsed. Messages come in the server's language, so this
 * uses only the numbers and their order.
 */
export function readDeadlock(detail: unknown): DeadlockEdge[] | null {
  if (typeof detail !== 'string') return null
  const lines = detail.split('\n').filter((line) => line.trim() !== '')
  const edges = lines.map((line) => {
    const numbers = line.replaceAll(/\[[^\]]*\]|\([^)]*\)/g, '').match(/\d+/g) ?? []
    return { pid: Number(numbers[0]), blocker: Number(numbers.at(-1)), target: targetOf(line) }
  })
  const isCycle = edges.every(({ blocker }, i) => blocker === edges[(i + 1) % edges.length]!.pid)
  return isCycle && edges.length > 0 ? edges.map(({ pid, target }) => ({ pid, target })) : null
}

function targetOf(line: string): DeadlockTarget {
  const advisory = /\[\d+,(\d+),(\d+),(\d+)\]/.exec(line)
  if (advisory !== null) return keyOf(Number(advisory[1]), Number(advisory[2]), Number(advisory[3]))
  const table = /relation (\d+) of database/.exec(line)?.[1]
  if (table !== undefined) return { kind: / tuple \(/.test(line) ? 'row' : 'table', table }
  // A session that waits for a row waits for the transaction that has locked it.
  if (/ transaction \d+/.test(line) && !line.includes('virtual')) return { kind: 'other', text: 'a row' }
  return { kind: 'other', text: / on ([^;]+); /.exec(line)?.[1] ?? 'a lock' }
}

/** Converts the server's form of an advisory key: two unsigned halves, then 1 for a bigint or 2 for a pair. */
function keyOf(high: number, low: number, kind: number): DeadlockTarget {
  const bits = String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)))
  if (kind === 2) return { kind: 'key', id: `p${bits}`, text: `(${high | 0}, ${low | 0})` }
  return { kind: 'key', id: bits, text: bits }
}
