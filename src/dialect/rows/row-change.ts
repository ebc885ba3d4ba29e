import { TOKEN_STEP } from '../lock-operation.js'
import { CODE, FLAG, NEW_FLAGS, type RowResult } from './operations.js'

/**
 * What an operation does to a row, as a pure function. Databases that decide in SQL have the same rules in their
 * statements, and tests compare the two. Stores that decide here write the result with a compare-and-set.
 */

/** The row of a key. Members are numbers. A waiting reader has the negative number of its member. */
export interface LeaseRow {
  readonly owner: number | null
  readonly readers: readonly number[]
  readonly waiters: readonly number[]
  readonly token: bigint
}

/** One operation on one row. */
export interface RowChange {
  readonly code: number
  readonly token: bigint
  readonly me: number
  readonly isDead: (member: number) => boolean
}

export const STEP: bigint = BigInt(TOKEN_STEP)

const GIVES: ReadonlySet<number> = new Set([
  CODE.releaseExclusive,
  CODE.releaseShared,
  CODE.leave,
  CODE.clearIntent,
  CODE.yield,
  CODE.drop,
])

export function givesUp(code: number): boolean {
  return GIVES.has(code)
}

/**
 * The member no longer wants the lock. These operations also give up a row that another member has passed to it
 * meanwhile.
 */
const WANTS_NO_MORE: ReadonlySet<number> = new Set([CODE.leave, CODE.clearIntent, CODE.drop])

/** A row as one member sees it. The SQL of a batch has the same conditions, with the same names. */
class Seen {
  readonly row: LeaseRow
  readonly me: number
  readonly isUnowned: boolean
  readonly isUnread: boolean
  readonly isMine: boolean
  readonly reads: boolean
  readonly writerWaitsHere: boolean
  readonly readerWaitsHere: boolean
  readonly others: readonly number[]
  readonly isMyTurn: boolean
  readonly noWriterWaits: boolean

  constructor(row: LeaseRow, { me, isDead }: RowChange) {
    const { owner, readers, waiters } = row
    this.row = row
    this.me = me
    this.isUnowned = owner === null || isDead(owner)
    this.isUnread = readers.every(isDead)
    this.isMine = owner === me
    this.reads = readers.includes(me)
    this.writerWaitsHere = waiters.includes(me)
    this.readerWaitsHere = waiters.includes(-me)
    this.others = waiters.filter((each) => Math.abs(each) !== me)
    this.isMyTurn = waiters.length === 0 || waiters[0] === me
    this.noWriterWaits = waiters.every((each) => each < 0)
  }

  get freeForWriter(): boolean {
    return this.isUnowned && this.isUnread && this.isMyTurn
  }

  get freeForReader(): boolean {
    return this.isUnowned && (this.noWriterWaits || this.row.waiters[0] === -this.me)
  }

  freePastFirst(token: bigint): boolean {
    return this.isUnowned && this.isUnread && (this.isMyTurn || this.row.token === token)
  }
}

/**
 * The row after the operation. Null if the operation was refused, or the row is already as it should be: then the
 * operation has no result.
 */
export function changed(row: LeaseRow, change: RowChange): LeaseRow | null {
  const seen = new Seen(row, change)
  if (!isChanged(seen, change)) return null
  const takes = isTaken(seen, change)
  const passes = !takes && isPassed(seen, change)
  if (takes) return taken(seen, change)
  if (passes) return passed(seen, change)
  return kept(seen, change)
}

/** The result of an operation that has led to this row. */
export function resultOf(after: LeaseRow, change: RowChange): RowResult {
  const others = otherWaitersOf(after, change)
  const result = { flags: flagsOf(after, change), token: String(after.token) }
  return others === undefined ? result : { ...result, others }
}

/** The row that an operation on a key without a row creates, and its result. A new row starts above the floor. */
export function created(code: number, me: number, floor: bigint): { row: LeaseRow; result: RowResult } {
  const token = floor + STEP
  const row = {
    owner: code === CODE.newExclusive ? me : null,
    readers: code === CODE.newShared ? [me] : [],
    waiters: code === CODE.newQueue ? [me] : [],
    token,
  }
  return { row, result: { flags: NEW_FLAGS[code]!, token: String(token) } }
}

/** Whether the row names the member. */
export function names({ owner, readers, waiters }: LeaseRow, id: number): boolean {
  return owner === id || readers.includes(id) || waiters.includes(id) || waiters.includes(-id)
}

/** Whether the row names no member. */
export function isFree({ owner, readers, waiters }: LeaseRow): boolean {
  return owner === null && readers.length + waiters.length === 0
}

/** The row without a dead member. The first waiter that is not dead gets what has become free, as in a release. */
export function swept(row: LeaseRow, id: number, dead: ReadonlySet<number>): LeaseRow {
  const isDead = (member: number): boolean => member === id || dead.has(member)
  const waiters = row.waiters.filter((each) => !isDead(Math.abs(each)))
  const isUnused = (row.owner === null || isDead(row.owner)) && row.readers.every(isDead)
  const [next, ...rest] = waiters
  if (isUnused && next !== undefined && next > 0)
    return { owner: next, readers: [], waiters: rest, token: row.token + STEP }
  const readers = row.readers.filter((each) => each !== id)
  return { ...row, owner: row.owner === id ? null : row.owner, readers, waiters }
}

/** The flags of a row after the operation. */
function flagsOf(row: LeaseRow, change: RowChange): number {
  const seen = new Seen(row, change)
  const isAwaited = seen.others.length > 0
  const isGivenAway = givesUp(change.code) && row.owner !== null && row.owner !== change.me
  return (
    (seen.isMine ? FLAG.owns : 0) +
    (seen.reads ? FLAG.reads : 0) +
    (waitsHere(seen) ? FLAG.waits : 0) +
    (isAwaited || isGivenAway ? FLAG.isAwaited : 0) +
    (seen.isUnowned ? FLAG.isFree : 0)
  )
}

/** The number of other waiters. Undefined if the member itself does not wait. */
function otherWaitersOf(row: LeaseRow, change: RowChange): number | undefined {
  const seen = new Seen(row, change)
  return waitsHere(seen) ? seen.others.length : undefined
}

function waitsHere({ writerWaitsHere, readerWaitsHere }: Seen): boolean {
  return writerWaitsHere || readerWaitsHere
}

function isChanged(seen: Seen, { code, token }: RowChange): boolean {
  switch (code) {
    case CODE.tryExclusive:
      return seen.freeForWriter
    case CODE.releaseExclusive:
    case CODE.yield:
      return seen.isMine && seen.row.token === token
    case CODE.tryShared:
      return seen.freeForReader
    case CODE.waitExclusive:
      return seen.freeForWriter || seen.isMine || !seen.writerWaitsHere
    case CODE.passExclusive:
      return seen.freePastFirst(token) || seen.isMine || !seen.writerWaitsHere
    case CODE.waitShared:
      return seen.freeForReader || !seen.readerWaitsHere
    case CODE.insistShared:
      return seen.isUnowned || !seen.readerWaitsHere
    case CODE.queue:
      return !seen.isMine && !seen.writerWaitsHere
    case CODE.join:
      return seen.reads && seen.noWriterWaits
    case CODE.rejoin:
    case CODE.releaseShared:
      return seen.reads
    case CODE.setIntent:
      return seen.reads && !seen.writerWaitsHere
    default:
      return code <= CODE.look
  }
}

function isTaken(seen: Seen, { code, token }: RowChange): boolean {
  switch (code) {
    case CODE.tryExclusive:
      return seen.freeForWriter
    case CODE.waitExclusive:
      return seen.freeForWriter || seen.isMine
    case CODE.passExclusive:
      return seen.freePastFirst(token) || seen.isMine
    default:
      return false
  }
}

function nextOf({ row, others }: Seen, code: number): readonly number[] {
  return code === CODE.releaseExclusive || code === CODE.releaseShared ? row.waiters : others
}

function isPassed(seen: Seen, { code, isDead, me }: RowChange): boolean {
  if (!givesUp(code)) return false
  const next = nextOf(seen, code)[0]
  if (next === undefined || next < 0 || isDead(next)) return false
  const isGivenUp = seen.isUnowned || (seen.isMine && code !== CODE.releaseShared)
  const drops = code === CODE.releaseShared || code === CODE.drop
  return isGivenUp && seen.row.readers.every((reader) => isDead(reader) || (drops && reader === me))
}

function taken(seen: Seen, { code, me }: RowChange): LeaseRow {
  const { row, others, isMyTurn } = seen
  const waiters = code === CODE.passExclusive && !isMyTurn ? others.slice(1) : others
  return { owner: me, readers: [], waiters, token: row.token + STEP }
}

function passed(seen: Seen, { code, me }: RowChange): LeaseRow {
  const [owner, ...rest] = nextOf(seen, code)
  const waiters = code === CODE.yield ? [...rest, me] : rest
  return { owner: owner!, readers: [], waiters, token: seen.row.token + STEP }
}

function kept(seen: Seen, change: RowChange): LeaseRow {
  const { row } = seen
  return {
    owner: ownerAfter(seen, change),
    readers: readersAfter(seen, change),
    waiters: waitersAfter(seen, change),
    token: row.token + (isCounted(seen, change) ? STEP : 0n),
  }
}

function readsAlong(seen: Seen, { code }: RowChange): boolean {
  if (code === CODE.tryShared || code === CODE.waitShared) return seen.freeForReader
  return code === CODE.insistShared && seen.isUnowned
}

function isCounted(seen: Seen, change: RowChange): boolean {
  const { code } = change
  if (code === CODE.yield) return seen.others.length === 0
  return readsAlong(seen, change) || code === CODE.join || code === CODE.rejoin
}

function ownerAfter(seen: Seen, change: RowChange): number | null {
  const { code } = change
  if (readsAlong(seen, change) || code === CODE.releaseExclusive) return null
  if (code === CODE.yield && seen.others.length > 0) return null
  if (WANTS_NO_MORE.has(code) && seen.isMine) return null
  return seen.row.owner
}

function readersAfter(seen: Seen, change: RowChange): readonly number[] {
  const { code, me } = change
  const { readers } = seen.row
  if (readsAlong(seen, change)) return seen.reads ? readers : [...readers, me]
  if (code === CODE.releaseShared || code === CODE.drop) return readers.filter((each) => each !== me)
  return readers
}

function waitersAfter(seen: Seen, change: RowChange): readonly number[] {
  const { row, others } = seen
  const { code, me } = change
  if (readsAlong(seen, change)) return others
  switch (code) {
    case CODE.leave:
    case CODE.clearIntent:
    case CODE.drop:
      return others
    case CODE.waitExclusive:
    case CODE.passExclusive:
    case CODE.queue:
    case CODE.setIntent:
      return seen.writerWaitsHere ? row.waiters : [...others, me]
    case CODE.waitShared:
    case CODE.insistShared:
      return seen.readerWaitsHere ? row.waiters : [...others, -me]
    case CODE.yield:
      return others.length > 0 ? [...others, me] : row.waiters
    default:
      return row.waiters
  }
}
