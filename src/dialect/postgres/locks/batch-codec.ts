import type { LockOperation, OperationKind } from '../../lock-operation.js'
import { BatchRows } from './batch-rows.js'
import { CODE } from './batch-sql.js'
import { bitOf, type RegistrationBook } from './registration-book.js'
import { bucketOf, BUCKETS, bucketsIn } from '../keys/key-hash.js'
import type { PostgresKey } from '../keys/key.js'

/** The parameters of a batch statement, and what is needed to read its answer. */
export interface EncodedBatch {
  readonly codes: Buffer
  readonly keys: Buffer
  /** Both hashes of the key of each row; null if the plain statement will do. */
  readonly hashes: Buffer | null
  /** Whether it is nothing but first attempts and releases, in any mode. */
  readonly isBrief: boolean
  /** Whether anything may be granted, so that a token is needed. */
  readonly mayGrant: boolean
  /** The row of each operation; null if they are the first rows, in order. */
  readonly rowOf: readonly number[] | null
  /** What the other rows say. */
  readonly trailer: Trailer
}

/** Behind the rows of operations there are looks for interest in released keys, and then looks into buckets. */
export interface Trailer {
  readonly from: number
  /** The releases that are looked after, each in its very key. */
  readonly looks: readonly number[]
  readonly buckets: readonly number[]
  readonly entries: readonly Entered[]
}

/** The row of a bucket that was to be entered, and its bit. */
interface Entered {
  readonly row: number
  readonly bit: number
}

const NONE: readonly never[] = []
const NO_ROWS = new BatchRows(0, false)

/**
 * Makes batches of one session into rows. One for all of them: an object with private methods takes some microseconds to
 * make (measured), as much as all else of a small batch.
 */
export class BatchEncoder {
  readonly #book: RegistrationBook
  #operations: readonly LockOperation[] = NONE
  #wanted = 0
  #rows: BatchRows = NO_ROWS
  #rowOf: number[] | null = null
  #looks: number[] | null = null
  #entries: Entered[] | null = null
  #seenBuckets = 0
  #isBrief = true

  constructor(book: RegistrationBook) {
    this.#book = book
  }

  /**
   * There must be one operation at least: an array without elements is written in another way. `wanted` are the buckets, a
   * bit each, of which it is known that somebody is interested in a key of theirs. What the batch does for certain is in
   * the book from now on; the rest when it is decoded.
   */
  encode(operations: readonly LockOperation[], wanted: number): EncodedBatch {
    this.#begin(operations, wanted)
    const rows = this.#rows
    let mayGrant = false
    for (let i = 0; i < operations.length; i++) {
      const { kind, mode } = operations[i]!
      const key = operations[i]!.key as PostgresKey
      const code = this.#codeOf(i, kind, mode === 'exclusive', key)
      mayGrant ||= GRANTS[kind]
      if (this.#rowOf !== null) this.#rowOf[i] = rows.count
      rows.add(code, key)
    }
    const from = rows.count
    const looks = this.#looks ?? NONE
    for (const i of looks) rows.addNumber(CODE.lookForInterest, (operations[i]!.key as PostgresKey).hash)
    const buckets = this.#seenBuckets === 0 ? NONE : bucketsIn(this.#seenBuckets)
    for (const bucket of buckets) rows.addNumber(CODE.lookIntoBucket, bucket)
    const trailer = { from, looks, buckets, entries: this.#entries ?? NONE }
    const { codes, keys, hashes } = rows.finish()
    // Not spread, which takes longer than all of this (measured).
    return { codes, keys, hashes, isBrief: this.#isBrief, mayGrant, rowOf: this.#rowOf, trailer }
  }

  #begin(operations: readonly LockOperation[], wanted: number): void {
    const count = operations.length
    let extra = 0
    let isExclusive = true
    let isBrief = true
    for (const { kind, mode, key } of operations) {
      isExclusive &&= mode === 'exclusive'
      if (kind === 'try') continue
      if (kind === 'release' || kind === 'relinquish') extra += wanted === 0 ? 0 : 1
      else {
        isBrief = false
        if (kind === 'leave') extra += 2
        else if (this.#book.isMarked(key as PostgresKey)) extra++
      }
    }
    this.#isBrief = isBrief
    this.#operations = operations
    this.#wanted = wanted
    // An operation enters a bucket or looks into one, if no other has done so before.
    this.#rows = new BatchRows(count + extra + Math.min(count, 2 * BUCKETS), !isBrief || !isExclusive)
    this.#rowOf = this.#looks = this.#entries = null
    this.#seenBuckets = 0
  }

  #codeOf(i: number, kind: OperationKind, isExclusive: boolean, key: PostgresKey): number {
    switch (kind) {
      case 'try':
      case 'enqueue':
        return isExclusive ? CODE.tryExclusive : CODE.tryShared
      case 'release':
      case 'relinquish':
        this.#lookAfter(i, key.hash)
        return isExclusive ? CODE.releaseExclusive : CODE.releaseShared
      case 'wait':
      case 'retry':
      case 'poll':
        return this.#interestedCode(i, kind, isExclusive, key)
      case 'queue':
        return this.#queueCode(i, key)
      case 'yield':
        return this.#yieldCode(i, key)
      case 'leave':
        this.#dropMark(i, key)
        this.#dropInterest(i, key)
        return isExclusive ? CODE.couldBeShared : CODE.couldBeExclusive
      case 'join':
        return CODE.joinShared
      case 'rejoin':
        return CODE.rejoinShared
      case 'upgrade':
        return this.#book.isMarked(key) ? CODE.upgradeMarked : CODE.upgrade
      case 'downgrade':
        return CODE.downgrade
      case 'setIntent':
        return this.#book.isMarked(key) ? CODE.nothing : CODE.setIntent
      case 'clearIntent':
        if (!this.#book.isMarked(key)) return CODE.nothing
        this.#book.unmark(key)
        return CODE.dropMark
    }
  }

  #interestedCode(i: number, kind: OperationKind, isExclusive: boolean, key: PostgresKey): number {
    const book = this.#book
    const isAlone = book.isAlone(key)
    const isSet = book.isSet(key.hash)
    // What goes when the key is granted must be known before.
    if (!isAlone || !isSet || !isExclusive) this.#dropMark(i, key)
    this.#enter(i, key.hash)
    book.add(key)
    if (isExclusive) {
      if (!isAlone) return CODE.tryExclusive
      if (!isSet) return CODE.waitExclusive
      return book.isMarked(key) ? CODE.retryMarked : CODE.retryExclusive
    }
    const givesWay = kind !== 'retry'
    if (!isAlone) return givesWay ? CODE.tryShared : CODE.takeShared
    if (!isSet) return givesWay ? CODE.waitShared : CODE.insistShared
    return givesWay ? CODE.pollShared : CODE.retryShared
  }

  #queueCode(i: number, key: PostgresKey): number {
    const isSet = this.#book.isSet(key.hash)
    this.#enter(i, key.hash)
    this.#book.add(key)
    return isSet ? CODE.nothing : CODE.queueExclusive
  }

  #yieldCode(i: number, key: PostgresKey): number {
    const isSet = this.#book.isSet(key.hash)
    this.#book.add(key)
    // Interest is set here, for another key: it is not set again, and this one is given up in any case.
    if (isSet) return CODE.releaseExclusive
    if (this.#book.hasEntered(key.hash)) return CODE.yieldExclusive
    // Alone in its batch it need not enter for nothing.
    if (this.#operations.length === 1) return CODE.yieldAndEnter
    this.#enter(i, key.hash)
    return CODE.yieldExclusive
  }

  #lookAfter(i: number, hash: number): void {
    const bit = bitOf(hash)
    if ((this.#wanted & bit) === 0) this.#seenBuckets |= bit
    else (this.#looks ??= []).push(i)
  }

  #enter(i: number, hash: number): void {
    if (this.#book.hasEntered(hash)) return
    this.#before(i)
    ;(this.#entries ??= []).push({ row: this.#rows.count, bit: bitOf(hash) })
    this.#rows.addNumber(CODE.enterBucket, bucketOf(hash))
    this.#book.enter(hash)
  }

  #dropMark(i: number, key: PostgresKey): void {
    if (!this.#book.isMarked(key)) return
    this.#before(i)
    this.#rows.add(CODE.dropMark, key)
    this.#book.unmark(key)
  }

  #dropInterest(i: number, key: PostgresKey): void {
    if (!this.#book.hasRegistration(key)) return
    if (!this.#book.isAlone(key)) return this.#book.remove(key)
    this.#before(i)
    this.#rows.add(CODE.dropInterest, key)
    this.#book.gone(key.hash)
  }

  /** A row goes before that of operation `i`, so that these have numbers of their own. */
  #before(i: number): void {
    this.#rowOf ??= Array.from({ length: i }, (_, row) => row)
  }
}

const GRANTS: Readonly<Record<OperationKind, boolean>> = {
  try: true,
  enqueue: true,
  wait: true,
  queue: false,
  retry: true,
  poll: true,
  join: true,
  rejoin: true,
  upgrade: true,
  downgrade: true,
  leave: false,
  release: false,
  relinquish: false,
  setIntent: false,
  clearIntent: false,
  yield: true,
}
