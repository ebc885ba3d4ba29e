import { TOKEN_STEP } from '../../lock-operation.js'
import { CODE, FLAG, inOrder, type Asked, type Told } from '../../rows/operations.js'
import { Int8List } from '../locks/batch-rows.js'

/** Which of the asked stand in each list of a brief batch. */
export interface BriefOrder {
  readonly made: readonly number[]
  readonly rows: readonly number[]
}

export interface EncodedBrief {
  readonly made: Buffer
  readonly keys: Buffer
  readonly tokens: Buffer
  /** How many are given up. */
  readonly releases: number
  readonly order: BriefOrder
}

/** The answer of a brief batch: `floor` is null if the member may do nothing any more, or not in this epoch. */
export interface BriefRow {
  readonly floor: string | null
  /** Keys; null: all. */
  readonly made: string | null
  /** Attempts that were granted, by their row, and their tokens. */
  readonly taken: string | null
  readonly tokens: string | null
  /** Rows of what was given up; null: all. */
  readonly released: string | null
  /** Those of them that somebody waits for. */
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

/** Per asked operation, as `decodeAsk`, but that a release is told of without the token of its row. */
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

/** A new row begins one step above the floor. */
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
