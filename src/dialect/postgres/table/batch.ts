import { CODE, inOrder, NEW_FLAGS, type RowRequest, type RowResult } from '../../rows/operations.js'
import { Int8List } from '../locks/batch-rows.js'

export interface EncodedAsk {
  readonly codes: Buffer
  readonly keys: Buffer
  readonly tokens: Buffer
  /** The index in `requests` of each row. */
  readonly order: readonly number[]
}

export function encodeAsk(requests: readonly RowRequest[]): EncodedAsk {
  const order = inOrder(
    requests.map((_, i) => i),
    requests,
  )
  const count = requests.length
  const codes = Buffer.allocUnsafe(count)
  const keys = new Int8List(count)
  const tokens = new Int8List(count)
  for (const [row, i] of order.entries()) {
    const { operation, code, token } = requests[i]!
    codes[row] = code
    keys.write(row, operation.key.high, operation.key.low)
    tokens.writeBig(row, token)
  }
  return { codes, keys: keys.finish(count), tokens: tokens.finish(count), order }
}

/** The answer of a batch statement. `floor` is null if the member is dead, or not in this epoch any more. */
export interface AskRow {
  readonly floor: string | null
  readonly made: string | null
  readonly done: string | null
}

/** The result of each operation, or null. */
export function decodeAsk(
  { made, done }: AskRow,
  requests: readonly RowRequest[],
  order: readonly number[],
): (RowResult | null)[] {
  const results = Array.from<RowResult | null>({ length: requests.length }).fill(null)
  if (done !== null) {
    for (const each of done.split(' ')) {
      const [row, flags, token, others] = each.split(':') as [string, string, string, string]
      const result = { flags: Number(flags), token }
      results[order[Number(row) - 1]!] = others === '' ? result : { ...result, others: Number(others) }
    }
  }
  if (made !== null) {
    const tokens = new Map(made.split(' ').map((each) => each.split(':') as [string, string]))
    for (const [i, { operation, code }] of requests.entries()) {
      const token = code > CODE.look ? tokens.get(operation.key.bits) : undefined
      if (token !== undefined) results[i] = { flags: NEW_FLAGS[code]!, token }
    }
  }
  return results
}
