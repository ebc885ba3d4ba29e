import { assert } from '../../base/assert.js'
import { SAID, type Answer, type LockOperation } from '../lock-operation.js'
import type { RowKey } from './row-key.js'

/**
 * The operations on one row with a lease, as numbers. Each changes one row. The row and the parameters alone decide
 * how, so the operation is atomic in every engine with conditional updates.
 */
export const CODE = {
  tryExclusive: 1,
  tryShared: 2,
  /** Acquires the lock, or adds the member to the waiters. */
  waitExclusive: 3,
  waitShared: 4,
  /** Like `waitShared`, past waiting writers. */
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
  /** Like `waitExclusive`, past the first waiter, which has not come since the row had the given token. */
  passExclusive: 15,
  /** Gives up whatever the member holds or waits for. */
  drop: 16,
  /** Changes nothing, and returns the state of the row. */
  look: 17,
  /** For keys without a known row. */
  newExclusive: 21,
  newShared: 22,
  newQueue: 23,
} as const

/** The state of a row after the operation. */
export const FLAG = { owns: 1, reads: 2, waits: 4, isAwaited: 8, isFree: 16 } as const

/** One operation, as this attempt sends it. */
export interface RowRequest {
  readonly operation: Pick<LockOperation, 'kind' | 'mode'> & { readonly key: RowKey }
  readonly code: number
  /** The token of the hold to release, or of the row when it was seen free for a long time. 0 if it does not matter. */
  readonly token: bigint
}

/** The result of one operation. Null means that the row was not changed, or does not exist. */
export interface RowResult {
  readonly flags: number
  readonly token: string
  /** For a waiter: the number of other waiters. Missing if the database does not return it. */
  readonly others?: number
}

/** The state of a row that the operation has created. */
export const NEW_FLAGS: Readonly<Record<number, number>> = {
  [CODE.newExclusive]: FLAG.owns,
  [CODE.newShared]: FLAG.reads,
  [CODE.newQueue]: FLAG.waits | FLAG.isFree,
}

/** Sorts by key: batches that lock rows in the same order can't deadlock. */
export function inOrder(which: number[], requests: readonly RowRequest[]): readonly number[] {
  if (which.length > 1) which.sort((a, b) => compare(requests[a]!.operation.key, requests[b]!.operation.key))
  return which
}

function compare(a: RowKey, b: RowKey): number {
  return a.high === b.high ? (a.low >>> 0) - (b.low >>> 0) : a.high - b.high
}

/**
 * Whether the batch has only first attempts and releases in exclusive mode: nearly all operations when processes don't
 * contend.
 */
export function isBrief(requests: readonly RowRequest[]): boolean {
  for (const { code } of requests)
    if (code !== CODE.tryExclusive && code !== CODE.releaseExclusive && code !== CODE.newExclusive)
      return false
  return true
}

/**
 * The code of an operation, for keys with and without a known row. Operations that give something up are sent in any
 * case: an unknown row may still exist, and if it goes on naming a waiter, a release will give the lock to that waiter
 * one day.
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
    case 'releaseEarly':
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
  releaseEarly: [CODE.releaseExclusive, CODE.releaseShared],
  setIntent: [CODE.setIntent, CODE.setIntent],
  clearIntent: [CODE.clearIntent, CODE.clearIntent],
  yield: [CODE.yield, CODE.yield],
} as const

/** The answer for the lock layer. A `result` of null means that the row was not changed. */
export function answerOf({ kind }: Pick<LockOperation, 'kind'>, results: RowResult | null): Answer {
  const flags = results?.flags ?? 0
  const has = (flags & (FLAG.owns | FLAG.reads)) !== 0 && (flags & FLAG.waits) === 0
  switch (kind) {
    case 'try':
    case 'enqueue':
    case 'retry':
    case 'poll':
      return results !== null && has ? SAID.granted : SAID.no
    case 'join':
    case 'rejoin':
      return results !== null ? SAID.granted : SAID.no
    case 'wait':
      return results !== null && has ? SAID.granted : SAID.waiting
    case 'queue':
      return SAID.waiting
    case 'leave':
      return results !== null && (flags & FLAG.isFree) !== 0 ? SAID.doneAndWanted : SAID.done
    case 'release':
    case 'releaseEarly':
      if (results === null) return SAID.no
      return (flags & FLAG.isAwaited) !== 0 ? SAID.doneAndWanted : SAID.done
    case 'setIntent':
      return SAID.done
    case 'clearIntent':
      return SAID.doneAndWanted
    case 'upgrade':
    case 'downgrade':
      return assert(false, 'rows are not converted') as never
    case 'yield':
      if (results === null) return SAID.no
      return (flags & FLAG.owns) !== 0 ? SAID.granted : SAID.waiting
  }
}

/** Whether the answer has a token. */
export function isGrant(answer: Answer): boolean {
  return answer === SAID.granted
}
