import { TOKEN_STEP } from '../../lock-operation.js'
import { CODE, FLAG, inOrder, type RowRequest, type RowResult } from '../../rows/operations.js'
import { Int8List } from '../locks/batch-rows.js'

/** The operations in each list of a brief batch, as indexes. */
export interface BriefOrder {
  readonly made: readonly number[]
  readonly rows: readonly number[]
}

export interface EncodedBrief {
  readonly made: Buffer
  readonly keys: Buffer
  readonly tokens: Buffer
  /** The number of releases. */
  readonly releases: number
  readonly order: BriefOrder
}

/** The answer of a brief batch. `floor` is null if the member is dead, or not in this epoch any more. */
export interface BriefRow {
  readonly floor: string | null
  /** The keys whose rows were created. Null means all. */
  readonly made: string | null
  /** The rows of attempts that were granted, and below their tokens. */
  readonly taken: string | null
  readonly tokens: string | null
  /** The rows of releases that succeeded. Null means all. */
  readonly released: string | null
  /** The rows of releases for which another process waits. */
  readonly awaited: string | null
}

export function encodeBrief(requests: readonly RowRequest[]): EncodedBrief {
  const made: number[] = []
  const rows: number[] = []
  for (let i = 0; i < requests.length; i++) (requests[i]!.code === CODE.newExclusive ? made : rows).push(i)
  const order = { made: inOrder(made, requests), rows: inOrder(rows, requests) }
  const tokens = new Int8List(rows.length)
  let releases = 0
  for (let row = 0; row < rows.length; row++) {
    const { code, token } = requests[order.rows[row]!]!
    if (code === CODE.releaseExclusive) releases++
    tokens.writeBig(row, code === CODE.releaseExclusive ? token : 0n)
  }
  return {
    made: keysOf(order.made, requests),
    keys: keysOf(order.rows, requests),
    tokens: tokens.finish(rows.length),
    releases,
    order,
  }
}

function keysOf(order: readonly number[], requests: readonly RowRequest[]): Buffer {
  const keys = new Int8List(order.length)
  for (let row = 0; row < order.length; row++) {
    const { high, low } = requests[order[row]!]!.operation.key
    keys.write(row, high, low)
  }
  return keys.finish(order.length)
}

const RELEASED: RowResult = { flags: FLAG.isFree, token: '' }
const RELEASED_AND_AWAITED: RowResult = { flags: FLAG.isFree | FLAG.isAwaited, token: '' }

/** The result of each operation, as from `decodeAsk`, except that a release has no token. */
export function decodeBrief(
  answer: BriefRow,
  requests: readonly RowRequest[],
  order: BriefOrder,
): (RowResult | null)[] {
  const results = Array.from<RowResult | null>({ length: requests.length }).fill(null)
  addCreated(answer, requests, order.made, results)
  const { taken, tokens, released, awaited } = answer
  if (taken !== null) {
    const all = tokens!.split(' ')
    for (const [at, row] of taken.split(' ').entries())
      results[order.rows[Number(row) - 1]!] = { flags: FLAG.owns, token: all[at]! }
  }
  if (released === null) {
    for (const i of order.rows) if (requests[i]!.code === CODE.releaseExclusive) results[i] = RELEASED
  } else for (const row of split(released)) results[order.rows[Number(row) - 1]!] = RELEASED
  if (awaited !== null)
    for (const row of awaited.split(' ')) results[order.rows[Number(row) - 1]!] = RELEASED_AND_AWAITED
  return results
}

/** The token of a new row is one step above the floor. */
function addCreated(
  { floor, made }: BriefRow,
  requests: readonly RowRequest[],
  order: readonly number[],
  results: (RowResult | null)[],
): void {
  if (order.length === 0) return
  const begun: RowResult = { flags: FLAG.owns, token: String(BigInt(floor!) + BigInt(TOKEN_STEP)) }
  const keys = made === null ? null : new Set(split(made))
  for (const i of order) if (keys === null || keys.has(requests[i]!.operation.key.bits)) results[i] = begun
}

function split(list: string): readonly string[] {
  return list === '' ? [] : list.split(' ')
}
