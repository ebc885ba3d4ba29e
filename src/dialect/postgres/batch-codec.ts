import { SAID, type LockOperation, type OperationKind } from '../lock-operation.js'
import type { PostgresKey } from './postgres-key.js'
import { CODE } from './postgres-sql.js'

/** The parameters of a batch statement, and what is needed to read its answer. */
export interface EncodedBatch {
  readonly codes: Buffer
  readonly keys: Buffer
  /** Whether the plain statement will do. */
  readonly isPlain: boolean
  /** Whether anything may be granted, so that a token is needed. */
  readonly mayGrant: boolean
  /** The buckets that are looked into after the releases: a row each, at the end, in this order. */
  readonly buckets: readonly number[]
}

const INT8_OID = 20

/** A binary array begins with: dimensions, whether it has nulls, the type of its elements, their number, the first index. */
const ARRAY_HEADER_BYTES = 20

/** Each element: its length, then itself. */
const ELEMENT_BYTES = 12

const BUCKETS = 32

/**
 * There must be one operation at least: an array without elements is written in another way. `wanted` are the buckets, a bit
 * each, of which it is known that somebody is interested in a key of theirs.
 */
export function encodeBatch(operations: readonly LockOperation[], wanted: number): EncodedBatch {
  const count = operations.length
  const codes = Buffer.allocUnsafe(count + BUCKETS)
  const keys = Buffer.allocUnsafe(ARRAY_HEADER_BYTES + ELEMENT_BYTES * (count + BUCKETS))
  // Not `writeInt32BE`, which looks at its arguments each time.
  const words = new DataView(keys.buffer, keys.byteOffset, keys.byteLength)
  const buckets: number[] = []
  let seenBuckets = 0
  let isPlain = true
  let mayGrant = false
  for (let row = 0; row < count; row++) {
    const { kind, mode, key } = operations[row]!
    const { high, low, hash } = key as PostgresKey
    let code = mode === 'exclusive' ? EXCLUSIVE_CODES[kind] : SHARED_CODES[kind]
    if (code === CODE.releaseExclusive || code === CODE.releaseShared) {
      const bit = 1 << bucketOf(hash)
      if ((wanted & bit) !== 0) code = LOOKING[code]
      else if ((seenBuckets & bit) === 0) {
        seenBuckets |= bit
        buckets.push(bucketOf(hash))
      }
    }
    codes[row] = code
    writeElement(words, row, high, low)
    isPlain &&= IS_PLAIN.has(code)
    mayGrant ||= MAY_GRANT.has(code)
  }
  for (let i = 0; i < buckets.length; i++) {
    codes[count + i] = CODE.lookIntoBucket
    writeElement(words, count + i, 0, buckets[i]!)
  }
  const rows = count + buckets.length
  writeHeader(words, rows)
  return {
    codes: codes.subarray(0, rows),
    keys: keys.subarray(0, ARRAY_HEADER_BYTES + ELEMENT_BYTES * rows),
    isPlain,
    mayGrant,
    buckets,
  }
}

/** Of the buckets that were looked into, a bit each, those that somebody is interested in. */
export function wantedIn(said: string, operationCount: number, buckets: readonly number[]): number {
  let wanted = 0
  for (let i = 0; i < buckets.length; i++)
    if (said[operationCount + i] === SAID.doneAndWanted) wanted |= 1 << buckets[i]!
  return wanted
}

/** The answers to the operations: a release that was looked after in its bucket says whether somebody may be interested. */
export function decodeAnswers(said: string, operations: readonly LockOperation[], wanted: number): string {
  const answers = said.length === operations.length ? said : said.slice(0, operations.length)
  if (wanted === 0) return answers
  return operations
    .map(({ kind, key }, i) => {
      const isRelease = kind === 'release' || kind === 'relinquish'
      const mayBeWanted = (wanted & (1 << bucketOf((key as PostgresKey).hash))) !== 0
      return isRelease && mayBeWanted && answers[i] === SAID.done ? SAID.doneAndWanted : answers[i]
    })
    .join('')
}

function writeHeader(words: DataView, rows: number): void {
  words.setInt32(0, 1)
  words.setInt32(4, 0)
  words.setInt32(8, INT8_OID)
  words.setInt32(12, rows)
  words.setInt32(16, 1)
}

function writeElement(words: DataView, row: number, high: number, low: number): void {
  const at = ARRAY_HEADER_BYTES + ELEMENT_BYTES * row
  words.setInt32(at, 8)
  words.setInt32(at + 4, high)
  words.setInt32(at + 8, low)
}

/** As BUCKET in the statement. */
function bucketOf(hash: number): number {
  return hash & (BUCKETS - 1)
}

const LOOKING = {
  [CODE.releaseExclusive]: CODE.releaseExclusiveLooking,
  [CODE.releaseShared]: CODE.releaseSharedLooking,
}

/** What the plain statement knows. */
const IS_PLAIN: ReadonlySet<number> = new Set([
  CODE.tryExclusive,
  CODE.releaseExclusive,
  CODE.releaseExclusiveLooking,
])

const MAY_GRANT: ReadonlySet<number> = new Set([
  CODE.tryExclusive,
  CODE.tryShared,
  CODE.joinShared,
  CODE.waitExclusive,
  CODE.waitShared,
  CODE.retryExclusive,
  CODE.retryShared,
  CODE.pollShared,
  CODE.yieldExclusive,
])

type Codes = Readonly<Record<OperationKind, number>>

const SHARED_ONLY = NaN
const EXCLUSIVE_ONLY = NaN

const EXCLUSIVE_CODES: Codes = {
  try: CODE.tryExclusive,
  wait: CODE.waitExclusive,
  queue: CODE.queueExclusive,
  retry: CODE.retryExclusive,
  poll: CODE.retryExclusive,
  join: SHARED_ONLY,
  leave: CODE.leaveExclusive,
  release: CODE.releaseExclusive,
  relinquish: CODE.releaseExclusive,
  mark: SHARED_ONLY,
  unmark: CODE.unmark,
  yield: CODE.yieldExclusive,
}

const SHARED_CODES: Codes = {
  try: CODE.tryShared,
  wait: CODE.waitShared,
  queue: EXCLUSIVE_ONLY,
  retry: CODE.retryShared,
  poll: CODE.pollShared,
  join: CODE.joinShared,
  leave: CODE.leaveShared,
  release: CODE.releaseShared,
  relinquish: CODE.releaseShared,
  mark: CODE.mark,
  unmark: CODE.unmark,
  yield: EXCLUSIVE_ONLY,
}
