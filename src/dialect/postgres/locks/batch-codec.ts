import type { LockOperation, OperationKind } from '../../lock-operation.js'
import { BatchRows } from './batch-rows.js'
import { CODE } from './batch-sql.js'
import { bitOf, type RegistrationBook } from './registration-book.js'
import { bucketOf, BUCKETS, bucketsIn } from '../keys/key-hash.js'
import type { PostgresKey } from '../keys/key.js'

/** The parameters of a batch statement, and the facts for decoding its answer. */
export interface EncodedBatch {
  readonly codes: Buffer
  readonly keys: Buffer
  /** Both hashes of the key of each row. Null if the plain statement is enough. */
  readonly hashes: Buffer | null
  /** Whether the batch contains only first attempts and releases, in any mode. */
  readonly isBrief: boolean
  /** Whether the batch may grant a lock, so that it needs a token. */
  readonly mayGrant: boolean
  /** The row of each operation. Null if the operations are the first rows, in order. */
  readonly rowOf: readonly number[] | null
  /** The meaning of the other rows. */
  readonly trailer: Trailer
}

/** After the rows of operations come checks for registrations of released keys, and then checks of buckets. */
export interface Trailer {
  readonly from: number
  /** The releases that have their own check, by the exact hash of the key. */
  readonly looks: readonly number[]
  readonly buckets: readonly number[]
  readonly entries: readonly Entered[]
}

/** The row that enters a bucket, and the bit of that bucket. */
interface Entered {
  readonly row: number
  readonly bit: number
}

const NONE: readonly never[] = []
const NO_ROWS = new BatchRows(0, false)

/**
 * Encodes the batches of one session as rows. One encoder serves all batches, because creating an object with private
 * methods takes some microseconds (measured), as long as the rest of a small batch.
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
   * Needs at least one operation, because an empty array has another encoding. `wanted` has a bit for each bucket in
   * which some process has a registration. What the batch does for certain enters the book now; the rest follows when
   * the answer is decoded.
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
    for (const i of looks) rows.addNumber(CODE.checkRegistrations, (operations[i]!.key as PostgresKey).hash)
    const buckets = this.#seenBuckets === 0 ? NONE : bucketsIn(this.#seenBuckets)
    for (const bucket of buckets) rows.addNumber(CODE.lookIntoBucket, bucket)
    const trailer = { from, looks, buckets, entries: this.#entries ?? NONE }
    const { codes, keys, hashes } = rows.finish()
    // No object spread here: it takes longer than the rest of this method (measured).
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
      if (kind === 'release' || kind === 'releaseEarly') extra += wanted === 0 ? 0 : 1
      else {
        isBrief = false
        if (kind === 'leave') extra += 2
        else if (this.#book.hasIntent(key as PostgresKey)) extra++
      }
    }
    this.#isBrief = isBrief
    this.#operations = operations
    this.#wanted = wanted
    // Each operation enters or checks at most one bucket, and only if no earlier operation has done so.
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
      case 'releaseEarly':
        this.#lookAfter(i, key.hash)
        return isExclusive ? CODE.releaseExclusive : CODE.releaseShared
      case 'wait':
      case 'retry':
      case 'poll':
        return this.#registrationCode(i, kind, isExclusive, key)
      case 'queue':
        return this.#queueCode(i, key)
      case 'yield':
        return this.#yieldCode(i, key)
      case 'leave':
        this.#dropIntent(i, key)
        this.#dropRegistration(i, key)
        return isExclusive ? CODE.couldBeShared : CODE.couldBeExclusive
      case 'join':
        return CODE.joinShared
      case 'rejoin':
        return CODE.rejoinShared
      case 'upgrade':
        return this.#book.hasIntent(key) ? CODE.upgradeWithIntent : CODE.upgrade
      case 'downgrade':
        return CODE.downgrade
      case 'setIntent':
        return this.#book.hasIntent(key) ? CODE.nothing : CODE.setIntent
      case 'clearIntent':
        if (!this.#book.hasIntent(key)) return CODE.nothing
        this.#book.clearIntent(key)
        return CODE.dropIntent
    }
  }

  #registrationCode(i: number, kind: OperationKind, isExclusive: boolean, key: PostgresKey): number {
    const book = this.#book
    const isAlone = book.isAlone(key)
    const isSet = book.isSet(key.hash)
    // Locks that the server must drop when it grants the key must be in the statement already.
    if (!isAlone || !isSet || !isExclusive) this.#dropIntent(i, key)
    this.#enter(i, key.hash)
    book.add(key)
    if (isExclusive) {
      if (!isAlone) return CODE.tryExclusive
      if (!isSet) return CODE.waitExclusive
      return book.hasIntent(key) ? CODE.retryWithIntent : CODE.retryExclusive
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
    // The registration of another key with this hash exists and is not set again. This key is released in any case.
    if (isSet) return CODE.releaseExclusive
    if (this.#book.hasEntered(key.hash)) return CODE.yieldExclusive
    // An operation that is alone in its batch enters its bucket only if it yields.
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

  #dropIntent(i: number, key: PostgresKey): void {
    if (!this.#book.hasIntent(key)) return
    this.#before(i)
    this.#rows.add(CODE.dropIntent, key)
    this.#book.clearIntent(key)
  }

  #dropRegistration(i: number, key: PostgresKey): void {
    if (!this.#book.hasRegistration(key)) return
    if (!this.#book.isAlone(key)) return this.#book.remove(key)
    this.#before(i)
    this.#rows.add(CODE.dropRegistration, key)
    this.#book.gone(key.hash)
  }

  /** An additional row precedes that of operation `i`, so row numbers no longer equal operation numbers. */
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
  releaseEarly: false,
  setIntent: false,
  clearIntent: false,
  yield: true,
}
