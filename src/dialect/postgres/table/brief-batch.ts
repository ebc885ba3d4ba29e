import { TOKEN_STEP } from '../../lock-operation.js'
import { CODE, FLAG, inOrder, type Asked, type Told } from '../../rows/operations.js'
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

export function encodeBrief(asked: readonly Asked[]): EncodedBrief {
  const made: number[] = []
  const rows: number[] = []
  for (let i = 0; i < asked.length; i++) (asked[i]!.code === CODE.newExclusive ? made : rows).push(i)
  const order = { made: inOrder(made, asked), rows: inOrder(rows, asked) }
  const tokens = new Int8List(rows.length)
  let releases = 0
  for (let row = 0; row < rows.length; row++) {
    const { code, token } = asked[order.rows[row]!]!
    if (code === CODE.releaseExclusive) releases++
    tokens.writeBig(row, code === CODE.releaseExclusive ? token : 0n)
  }
  return {
    made: keysOf(order.made, asked),
    keys: keysOf(order.rows, asked),
    tokens: tokens.finish(rows.length),
    releases,
    order,
  }
}

function keysOf(order: readonly number[], asked: readonly Asked[]): Buffer {
  const keys = new Int8List(order.length)
  for (let row = 0; row < order.length; row++) {
    const { high, low } = asked[order[row]!]!.operation.key
    keys.write(row, high, low)
  }
  return keys.finish(order.length)
}

const RELEASED: Told = { flags: FLAG.isFree, token: '' }
const RELEASED_AND_AWAITED: Told = { flags: FLAG.isFree | FLAG.isAwaited, token: '' }

/** The result of each operation, as from `decodeAsk`, except that a release has no token. */
export function decodeBrief(answer: BriefRow, asked: readonly Asked[], order: BriefOrder): (Told | null)[] {
  const told = Array.from<Told | null>({ length: asked.length }).fill(null)
  tellOfMade(answer, asked, order.made, told)
  const { taken, tokens, released, awaited } = answer
  if (taken !== null) {
    const all = tokens!.split(' ')
    for (const [at, row] of taken.split(' ').entries())
      told[order.rows[Number(row) - 1]!] = { flags: FLAG.owns, token: all[at]! }
  }
  if (released === null) {
    for (const i of order.rows) if (asked[i]!.code === CODE.releaseExclusive) told[i] = RELEASED
  } else for (const row of split(released)) told[order.rows[Number(row) - 1]!] = RELEASED
  if (awaited !== null)
    for (const row of awaited.split(' ')) told[order.rows[Number(row) - 1]!] = RELEASED_AND_AWAITED
  return told
}

/** The token of a new row is one step above the floor. */
function tellOfMade(
  { floor, made }: BriefRow,
  asked: readonly Asked[],
  order: readonly number[],
  told: (Told | null)[],
): void {
  if (order.length === 0) return
  const begun: Told = { flags: FLAG.owns, token: String(BigInt(floor!) + BigInt(TOKEN_STEP)) }
  const keys = made === null ? null : new Set(split(made))
  for (const i of order) if (keys === null || keys.has(asked[i]!.operation.key.bits)) told[i] = begun
}

function split(list: string): readonly string[] {
  return list === '' ? [] : list.split(' ')
}
