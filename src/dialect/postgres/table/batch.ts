import { SAID, type Answer, type LockOperation } from '../../lock-operation.js'
import { Int8List } from '../locks/batch-rows.js'
import type { PostgresKey } from '../keys/key.js'
import { CODE, FLAG } from './batch-sql.js'

/** What one operation is about, as it is asked this time. */
export interface Asked {
  readonly operation: Pick<LockOperation, 'kind' | 'mode'> & { readonly key: PostgresKey }
  readonly code: number
  /** The token of the hold that is given up, or of the row when it was seen to be free for long; 0 where it does not matter. */
  readonly token: bigint
}

/** What the server told of one operation. Null: its row is as it was, or there is none. */
export interface Told {
  readonly flags: number
  readonly token: string
}

export interface EncodedAsk {
  readonly codes: Buffer
  readonly keys: Buffer
  readonly tokens: Buffer
  /** Which of the asked stands in each row. */
  readonly order: readonly number[]
}

/** Sorted by key: batches that lock rows in one order never wait for each other in a circle. */
export function inOrder(which: number[], asked: readonly Asked[]): readonly number[] {
  if (which.length > 1) which.sort((a, b) => compare(asked[a]!.operation.key, asked[b]!.operation.key))
  return which
}

export function encodeAsk(asked: readonly Asked[]): EncodedAsk {
  const order = inOrder(
    asked.map((_, i) => i),
    asked,
  )
  const count = asked.length
  const codes = Buffer.allocUnsafe(count)
  const keys = new Int8List(count)
  const tokens = new Int8List(count)
  for (const [row, i] of order.entries()) {
    const { operation, code, token } = asked[i]!
    codes[row] = code
    keys.write(row, operation.key.high, operation.key.low)
    tokens.writeBig(row, token)
  }
  return { codes, keys: keys.finish(count), tokens: tokens.finish(count), order }
}

function compare(a: PostgresKey, b: PostgresKey): number {
  return a.high === b.high ? (a.low >>> 0) - (b.low >>> 0) : a.high - b.high
}

/** The answer of a batch statement: `floor` is null if the member may do nothing any more, or not in this epoch. */
export interface AskRow {
  readonly floor: string | null
  readonly made: string | null
  readonly done: string | null
}

/** Per asked operation. */
export function decodeAsk(
  { made, done }: AskRow,
  asked: readonly Asked[],
  order: readonly number[],
): (Told | null)[] {
  const told = Array.from<Told | null>({ length: asked.length }).fill(null)
  if (done !== null) {
    for (const each of done.split(' ')) {
      const [row, flags, token] = each.split(':') as [string, string, string]
      told[order[Number(row) - 1]!] = { flags: Number(flags), token }
    }
  }
  if (made !== null) {
    const tokens = new Map(made.split(' ').map((each) => each.split(':') as [string, string]))
    for (const [i, { operation, code }] of asked.entries()) {
      const token = code > CODE.look ? tokens.get(operation.key.bits) : undefined
      if (token !== undefined) told[i] = { flags: NEW_FLAGS[code]!, token }
    }
  }
  return told
}

const NEW_FLAGS: Readonly<Record<number, number>> = {
  [CODE.newExclusive]: FLAG.owns,
  [CODE.newShared]: FLAG.reads,
  [CODE.newQueue]: FLAG.waits | FLAG.isFree,
}

/** Which code an operation has where a row is known to be there, and where none is. Null: without a row there is nothing to ask. */
export function codeOf({ kind, mode }: Pick<LockOperation, 'kind' | 'mode'>, hasRow: boolean): number | null {
  const isExclusive = mode === 'exclusive'
  switch (kind) {
    case 'try':
    case 'enqueue':
      if (!hasRow) return isExclusive ? CODE.newExclusive : CODE.newShared
      return isExclusive ? CODE.tryExclusive : CODE.tryShared
    case 'wait':
    case 'retry':
    case 'poll':
      if (!hasRow) return isExclusive ? CODE.newExclusive : CODE.newShared
      if (isExclusive) return CODE.waitExclusive
      return kind === 'retry' ? CODE.insistShared : CODE.waitShared
    case 'queue':
      return hasRow ? CODE.queue : CODE.newQueue
    case 'join':
    case 'rejoin':
    case 'leave':
    case 'release':
    case 'relinquish':
    case 'mark':
    case 'unmark':
    case 'yield':
      return hasRow ? WITH_ROW[kind][isExclusive ? 0 : 1] : null
  }
}

const WITH_ROW = {
  join: [CODE.join, CODE.join],
  rejoin: [CODE.rejoin, CODE.rejoin],
  leave: [CODE.leave, CODE.leave],
  release: [CODE.releaseExclusive, CODE.releaseShared],
  relinquish: [CODE.releaseExclusive, CODE.releaseShared],
  mark: [CODE.mark, CODE.mark],
  unmark: [CODE.unmark, CODE.unmark],
  yield: [CODE.yield, CODE.yield],
} as const

/** What is said to the lock layer. `null` told: the row is as it was. */
export function answerOf({ kind }: Pick<LockOperation, 'kind'>, told: Told | null): Answer {
  const flags = told?.flags ?? 0
  const has = (flags & (FLAG.owns | FLAG.reads)) !== 0 && (flags & FLAG.waits) === 0
  switch (kind) {
    case 'try':
    case 'enqueue':
    case 'retry':
    case 'poll':
      return told !== null && has ? SAID.granted : SAID.no
    case 'join':
    case 'rejoin':
      return told !== null ? SAID.granted : SAID.no
    case 'wait':
      return told !== null && has ? SAID.granted : SAID.waiting
    case 'queue':
      return SAID.waiting
    case 'leave':
      return told !== null && (flags & FLAG.isFree) !== 0 ? SAID.doneAndWanted : SAID.done
    case 'release':
    case 'relinquish':
      if (told === null) return SAID.no
      return (flags & FLAG.isAwaited) !== 0 ? SAID.doneAndWanted : SAID.done
    case 'mark':
      return SAID.done
    case 'unmark':
      return SAID.doneAndWanted
    case 'yield':
      if (told === null) return SAID.no
      return (flags & FLAG.owns) !== 0 ? SAID.granted : SAID.waiting
  }
}

/** Whether a token comes with the answer. */
export function isGrant(answer: Answer): boolean {
  return answer === SAID.granted
}
