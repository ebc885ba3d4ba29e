import { NEW_ROW } from '../../../src/dialect/mysql/table/batch-sql.js'
import { CODE, FLAG, NEW_FLAGS } from '../../../src/dialect/rows/operations.js'
import { STEP, type LeaseRow, type RowChange } from '../../../src/dialect/rows/row-change.js'

/** A row of `lockpool_lease` of MariaDB and MySQL. */
export interface FreedRow extends LeaseRow {
  /** The member that has released the grant of the token. */
  readonly freed: number | null
}

type Change = Pick<RowChange, 'code' | 'token' | 'me'>

/** The flags of a row that a batch has created. */
export function newFlags(code: number): number {
  return code === NEW_ROW ? FLAG.isFree : NEW_FLAGS[code]!
}

/** What the procedure knows of a row before an operation, with its names. */
interface Seen {
  readonly others: readonly number[]
  readonly isAwaited: boolean
  readonly isMineFirst: boolean
  readonly noWriterWaits: boolean
  readonly readsIt: boolean
  readonly writerWaits: boolean
  readonly readerWaits: boolean
  readonly takes: boolean
  readonly readsAlong: boolean
}

function isOneOf(code: number, ...codes: readonly number[]): boolean {
  return codes.includes(code)
}

function seenBy(row: FreedRow, { code, token, me }: Change): Seen {
  const { owner, readers, waiters } = row
  const isMineFirst = waiters.length === 0 || waiters[0] === me
  const noWriterWaits = waiters.every((each) => each < 0)
  const others = waiters.filter((each) => Math.abs(each) !== me)
  const isFree = owner === null && readers.length === 0
  const freeForWriter = isFree && (isMineFirst || (code === CODE.passExclusive && row.token === token))
  const freeForReader = owner === null && (code === CODE.insistShared || noWriterWaits || waiters[0] === -me)
  return {
    others,
    isAwaited: others.length > 0,
    isMineFirst,
    noWriterWaits,
    readsIt: readers.includes(me),
    writerWaits: waiters.includes(me),
    readerWaits: waiters.includes(-me),
    takes: isOneOf(code, CODE.tryExclusive, CODE.waitExclusive, CODE.passExclusive) && freeForWriter,
    readsAlong: isOneOf(code, CODE.tryShared, CODE.waitShared, CODE.insistShared) && freeForReader,
  }
}

/** The row after the operation; null if the procedure does not report the operation as done. */
export function changedByProcedure(row: FreedRow, change: Change): FreedRow | null {
  const seen = seenBy(row, change)
  return isChanged(row, seen, change) ? after(row, seen, change) : null
}

function isChanged(row: FreedRow, seen: Seen, { code, token, me }: Change): boolean {
  switch (code) {
    case CODE.tryExclusive:
      return seen.takes
    case CODE.tryShared:
      return seen.readsAlong
    case CODE.releaseExclusive:
    case CODE.yield:
      return row.owner === me && row.token === token
    case CODE.waitExclusive:
    case CODE.passExclusive:
      return seen.takes || !seen.writerWaits
    case CODE.waitShared:
    case CODE.insistShared:
      return seen.readsAlong || !seen.readerWaits
    case CODE.queue:
      return !seen.writerWaits
    case CODE.join:
      return seen.readsIt && seen.noWriterWaits
    case CODE.rejoin:
    case CODE.releaseShared:
      return seen.readsIt
    case CODE.setIntent:
      return seen.readsIt && !seen.writerWaits
    default:
      return isOneOf(code, CODE.leave, CODE.clearIntent, CODE.drop, CODE.look)
  }
}

function after(row: FreedRow, seen: Seen, { code, me }: Change): FreedRow {
  const { others } = seen
  const token = row.token + STEP
  if (seen.takes)
    return {
      owner: me,
      freed: null,
      readers: [],
      waiters: seen.isMineFirst ? others : others.slice(1),
      token,
    }
  if (seen.readsAlong) {
    const readers = seen.readsIt ? row.readers : [...row.readers, me]
    return { ...row, owner: null, waiters: others, readers, token }
  }
  const readers = row.readers.filter((each) => each !== me)
  switch (code) {
    case CODE.releaseExclusive:
      return { ...row, owner: null, freed: me }
    case CODE.yield:
      return seen.isAwaited ? { ...row, owner: null, freed: me, waiters: [...others, me] } : { ...row, token }
    case CODE.join:
    case CODE.rejoin:
      return { ...row, token }
    case CODE.releaseShared:
      return { ...row, readers }
    case CODE.drop:
      return { ...row, owner: row.owner === me ? null : row.owner, readers, waiters: others }
    case CODE.leave:
    case CODE.clearIntent:
      return { ...row, waiters: others }
    case CODE.waitExclusive:
    case CODE.passExclusive:
    case CODE.queue:
    case CODE.setIntent:
      return seen.writerWaits ? row : { ...row, waiters: [...others, me] }
    case CODE.waitShared:
    case CODE.insistShared:
      return seen.readerWaits ? row : { ...row, waiters: [...others, -me] }
    default:
      return row
  }
}

export function flagsByProcedure({ owner, readers, waiters }: FreedRow, me: number): number {
  return (
    (owner === me ? FLAG.owns : 0) +
    (readers.includes(me) ? FLAG.reads : 0) +
    (waiters.some((each) => Math.abs(each) === me) ? FLAG.waits : 0) +
    (waiters.some((each) => Math.abs(each) !== me) ? FLAG.isAwaited : 0) +
    (owner === null ? FLAG.isFree : 0)
  )
}
