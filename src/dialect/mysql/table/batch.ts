import { TOKEN_STEP } from '../../lock-operation.js'
import { CODE, FLAG, inOrder, type Asked, type Told } from '../../rows/operations.js'
import { OutcomeUnknown } from '../../rows/statement-runner.js'
import type { OwnRow } from '../connection/server-connection.js'

/** The text of a batch, and the index in `asked` of each of its rows. */
export interface EncodedBatch {
  readonly operations: string
  readonly order: readonly number[]
}

/** JSON lists contain only numbers, so they are the same text under every character set of a session. */
export function encodeBatch(asked: readonly Asked[], which: number[] = asked.map((_, i) => i)): EncodedBatch {
  const order = inOrder(which, asked)
  const rows = order.map((i) => {
    const { operation, code, token } = asked[i]!
    return `[${operation.key.bits},${code},${token}]`
  })
  return { operations: rows.length === 0 ? '' : `[${rows.join(',')}]`, order }
}

/** Decodes ` number:flags:token` for each operation that was done. */
export function decodeBatch(
  done: string,
  asked: readonly Asked[],
  order: readonly number[],
): (Told | null)[] {
  const told = Array.from<Told | null>({ length: asked.length }).fill(null)
  for (const each of done === '' ? [] : done.slice(1).split(' ')) {
    const [number, flags, token] = each.split(':') as [string, string, string]
    told[order[Number(number) - 1]!] = { flags: Number(flags), token }
  }
  return told
}

export interface EncodedBrief extends EncodedBatch {
  readonly newKeys: string
  readonly made: readonly number[]
}

/** Splits first attempts and releases in exclusive mode into those on new rows, and the others. */
export function encodeBrief(asked: readonly Asked[]): EncodedBrief {
  const made: number[] = []
  const others: number[] = []
  for (const [i, { code }] of asked.entries()) (code === CODE.newExclusive ? made : others).push(i)
  inOrder(made, asked)
  const keys = made.map((i) => asked[i]!.operation.key.bits)
  return { ...encodeBatch(asked, others), newKeys: keys.length === 0 ? '' : `[${keys.join(',')}]`, made }
}

const RELEASED: Told = { flags: FLAG.isFree, token: '' }
const RELEASED_AND_AWAITED: Told = { flags: FLAG.isFree | FLAG.isAwaited, token: '' }

/**
 * The result of each operation. `first` lists attempts of a member that is the first waiter.
 *
 * @throws {OutcomeUnknown} the answer is incomplete, although the batch has run
 */
export function decodeBrief(
  [floor, madeCount, madeKeys, done]: OwnRow,
  asked: readonly Asked[],
  { order, made }: EncodedBrief,
): { readonly told: (Told | null)[]; readonly first: readonly number[] } {
  const told = Array.from<Told | null>({ length: asked.length }).fill(null)
  const first: number[] = []
  tellOfMade(String(floor), Number(madeCount), madeKeys ?? null, asked, made, told)
  const words = done === null || done === undefined ? [] : String(done).split(' ')
  if (words.length !== order.length) throw new OutcomeUnknown(new Error('the answer to a batch was cut'))
  for (const [at, word] of words.entries()) {
    const i = order[at]!
    if (word === FIRST_WAITER) first.push(i)
    else told[i] = decodeWord(word)
  }
  return { told, first }
}

/** The answer to an attempt of a member that is the first waiter: it must be repeated as such. */
export const FIRST_WAITER = 'q'

/** The result of one operation. */
export function decodeWord(word: string): Told | null {
  if (word === 'd') return RELEASED
  if (word === 'w') return RELEASED_AND_AWAITED
  return word === 'n' ? null : { flags: FLAG.owns, token: word }
}

/** The token of a new row is one step above the floor. */
function tellOfMade(
  floor: string,
  count: number,
  keys: string | number | null,
  asked: readonly Asked[],
  made: readonly number[],
  told: (Told | null)[],
): void {
  if (count === 0) return
  const begun: Told = { flags: FLAG.owns, token: String(BigInt(floor) + BigInt(TOKEN_STEP)) }
  const those = count === made.length ? null : new Set(String(keys ?? '').split(' '))
  for (const i of made) if (those === null || those.has(asked[i]!.operation.key.bits)) told[i] = begun
}
