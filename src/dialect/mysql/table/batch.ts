import { TOKEN_STEP } from '../../lock-operation.js'
import { CODE, FLAG, inOrder, type RowRequest, type RowResult } from '../../rows/operations.js'
import { OutcomeUnknown } from '../../rows/statement-runner.js'
import type { OwnRow } from '../connection/server-connection.js'

/** The text of a batch, and the index in `requests` of each of its rows. */
export interface EncodedBatch {
  readonly operations: string
  readonly order: readonly number[]
}

/** JSON lists contain only numbers, so they are the same text under every character set of a session. */
export function encodeBatch(
  requests: readonly RowRequest[],
  which: number[] = requests.map((_, i) => i),
): EncodedBatch {
  const order = inOrder(which, requests)
  const rows = order.map((i) => {
    const { operation, code, token } = requests[i]!
    return `[${operation.key.bits},${code},${token}]`
  })
  return { operations: rows.length === 0 ? '' : `[${rows.join(',')}]`, order }
}

/** Decodes ` number:flags:token` for each operation that was done. */
export function decodeBatch(
  done: string,
  requests: readonly RowRequest[],
  order: readonly number[],
): (RowResult | null)[] {
  const results = Array.from<RowResult | null>({ length: requests.length }).fill(null)
  for (const each of done === '' ? [] : done.slice(1).split(' ')) {
    const [number, flags, token] = each.split(':') as [string, string, string]
    results[order[Number(number) - 1]!] = { flags: Number(flags), token }
  }
  return results
}

export interface EncodedBrief extends EncodedBatch {
  readonly newKeys: string
  readonly made: readonly number[]
}

/** Splits first attempts and releases in exclusive mode into those on new rows, and the others. */
export function encodeBrief(requests: readonly RowRequest[]): EncodedBrief {
  const made: number[] = []
  const others: number[] = []
  for (const [i, { code }] of requests.entries()) (code === CODE.newExclusive ? made : others).push(i)
  inOrder(made, requests)
  const keys = made.map((i) => requests[i]!.operation.key.bits)
  return { ...encodeBatch(requests, others), newKeys: keys.length === 0 ? '' : `[${keys.join(',')}]`, made }
}

const RELEASED: RowResult = { flags: FLAG.isFree, token: '' }
const RELEASED_AND_AWAITED: RowResult = { flags: FLAG.isFree | FLAG.isAwaited, token: '' }

/**
 * The result of each operation. `first` lists attempts of a member that is the first waiter.
 *
 * @throws {OutcomeUnknown} the answer is incomplete, although the batch has run
 */
export function decodeBrief(
  [floor, madeCount, madeKeys, done]: OwnRow,
  requests: readonly RowRequest[],
  { order, made }: EncodedBrief,
): { readonly results: (RowResult | null)[]; readonly first: readonly number[] } {
  const results = Array.from<RowResult | null>({ length: requests.length }).fill(null)
  const first: number[] = []
  addCreated(String(floor), Number(madeCount), madeKeys ?? null, requests, made, results)
  const words = done === null || done === undefined ? [] : String(done).split(' ')
  if (words.length !== order.length) throw new OutcomeUnknown(new Error('the answer to a batch was cut'))
  for (const [at, word] of words.entries()) {
    const i = order[at]!
    if (word === FIRST_WAITER) first.push(i)
    else results[i] = decodeWord(word)
  }
  return { results, first }
}

/** The answer to an attempt of a member that is the first waiter: it must be repeated as such. */
export const FIRST_WAITER = 'q'

/** The result of one operation. */
export function decodeWord(word: string): RowResult | null {
  if (word === 'd') return RELEASED
  if (word === 'w') return RELEASED_AND_AWAITED
  return word === 'n' ? null : { flags: FLAG.owns, token: word }
}

/** The token of a new row is one step above the floor. */
function addCreated(
  floor: string,
  count: number,
  keys: string | number | null,
  requests: readonly RowRequest[],
  made: readonly number[],
  results: (RowResult | null)[],
): void {
  if (count === 0) return
  const begun: RowResult = { flags: FLAG.owns, token: String(BigInt(floor) + BigInt(TOKEN_STEP)) }
  const those = count === made.length ? null : new Set(String(keys ?? '').split(' '))
  for (const i of made) if (those === null || those.has(requests[i]!.operation.key.bits)) results[i] = begun
}
