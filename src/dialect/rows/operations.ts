import { assert } from '../../base/assert.js'
import { SAID, type Answer, type LockOperation } from '../lock-operation.js'
import type { RowKey } from './row-key.js'

/**
 * Operations on one row with a lease, as a number each. Each is a change of one row that is decided from that row and the
 * parameters alone, so it is atomic in every engine that has conditional updates.
 */
export const CODE = {
  tryExclusive: 1,
  tryShared: 2,
  /** Takes it, or stands among the waiters. */
  waitExclusive: 3,
  waitShared: 4,
  /** The same past writers that wait. */
  insistShared: 5,
  queue: 6,
  join: 7,
  rejoin: 8,
  leave: 9,
  releaseExclusive: 10,
  releaseShared: 11,
  setIntent: 12,
  clearIntent: 13,
  yield: 14,
  /** As `waitExclusive`, past the first waiter, who has not come since the row had the token that is given. */
  passExclusive: 15,
  /** Gives up whatever the member has or waits for. */
  drop: 16,
  /** Changes nothing, and says what is there. */
  look: 17,
  /** For keys that no row is known of. */
  newExclusive: 21,
  newShared: 22,
  newQueue: 23,
} as const

/** What is told of a row after the operation. */
export const FLAG = { owns: 1, reads: 2, waits: 4, isAwaited: 8, isFree: 16 } as const

/** What one operation is about, as it is asked this time. */
export interface Asked {
  readonly operation: Pick<LockOperation, 'kind' | 'mode'> & { readonly key: RowKey }
  readonly code: number
  /** The token of the hold that is given up, or of the row when it was seen to be free for long; 0 where it does not matter. */
  readonly token: bigint
}

/** What the server told of one operation. Null: its row is as it was, or there is none. */
export interface Told {
  readonly flags: number
  readonly token: string
  /** Of a waiter, how many others wait; left out where the database does not say. */
  readonly others?: number
}

/** What a row that an operation has made is like. */
export const NEW_FLAGS: Readonly<Record<number, number>> = {
  [CODE.newExclusive]: FLAG.owns,
  [CODE.newShared]: FLAG.reads,
  [CODE.newQueue]: FLAG.waits | FLAG.isFree,
}

/** Sorted by key: batches that lock rows in one order never wait for each other in a circle. */
export function inOrder(which: number[], asked: readonly Asked[]): readonly number[] {
  if (which.length > 1) which.sort((a, b) => compare(asked[a]!.operation.key, asked[b]!.operation.key))
  return which
}

function compare(a: RowKey, b: RowKey): number {
  return a.high === b.high ? (a.low >>> 0) - (b.low >>> 0) : a.high - b.high
}

/** Whether it is first attempts and releases alone, exclusive ones: nearly all there is where processes are not in each other's way. */
export function isBrief(asked: readonly Asked[]): boolean {
  for (const { code } of asked)
    if (code !== CODE.tryExclusive && code !== CODE.releaseExclusive && code !== CODE.newExclusive)
      return false
  return true
}

/**
 * Which code an operation has where a row is known to be there, and where none is. What gives something up is asked in any
 * case: that no row is known does not say that there is none, and a row that goes on naming a waiter is given to it one day.
 */
export function codeOf({ kind, mode }: Pick<LockOperation, 'kind' | 'mode'>, hasRow: boolean): number {
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
    case 'setIntent':
    case 'clearIntent':
    case 'yield':
      return WITH_ROW[kind][isExclusive ? 0 : 1]
    case 'upgrade':
    case 'downgrade':
      return assert(false, 'rows are not converted') as never
  }
}

const WITH_ROW = {
  join: [CODE.join, CODE.join],
  rejoin: [CODE.rejoin, CODE.rejoin],
  leave: [CODE.leave, CODE.leave],
  release: [CODE.releaseExclusive, CODE.releaseShared],
  relinquish: [CODE.releaseExclusive, CODE.releaseShared],
  setIntent: [CODE.setIntent, CODE.setIntent],
  clearIntent: [CODE.clearIntent, CODE.clearIntent],
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
    case 'setIntent':
      return SAID.done
    case 'clearIntent':
      return SAID.doneAndWanted
    case 'upgrade':
    case 'downgrade':
      return assert(false, 'rows are not converted') as never
    case 'yield':
      if (told === null) return SAID.no
      return (flags & FLAG.owns) !== 0 ? SAID.granted : SAID.waiting
  }
}

/** Whether a token comes with the answer. */
export function isGrant(answer: Answer): boolean {
  return answer === SAID.granted
}
