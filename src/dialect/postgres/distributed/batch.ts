import { CODE, inOrder, type RowRequest, type RowResult } from '../../rows/operations.js'
import { changed, created, resultOf, STEP, type LeaseRow, type RowChange } from '../../rows/row-change.js'
import type { Asking, Reply } from '../../rows/row-store.js'
import { OutcomeUnknown } from '../../rows/statement-runner.js'
import type { OwnRows } from './own-rows.js'
import type { Landed, RowMake, RowWrite, RowWriter } from './row-writer.js'
import { isSameRow, nextVersion, type StoredRow } from './stored-row.js'

/** The codes with which an operation creates a row that does not exist. All others then have no result. */
const NEW_CODE: Readonly<Record<number, number>> = {
  [CODE.tryExclusive]: CODE.newExclusive,
  [CODE.waitExclusive]: CODE.newExclusive,
  [CODE.passExclusive]: CODE.newExclusive,
  [CODE.tryShared]: CODE.newShared,
  [CODE.waitShared]: CODE.newShared,
  [CODE.insistShared]: CODE.newShared,
  [CODE.queue]: CODE.newQueue,
}

/** One operation that has no result yet. */
interface Open {
  readonly at: number
  readonly key: string
  readonly code: number
  readonly change: RowChange
  /** The row as it was read or written last. Null if it does not exist, undefined if it must be read. */
  row: StoredRow | null | undefined
  /** Whether the row was read in this batch. */
  isRead: boolean
  /** What the next flight is to do with it. */
  after: LeaseRow | null
}

/**
 * Runs operations on rows. Each is decided here, from a row, and then written if the row still has the same version;
 * otherwise the row is read and the operation decided again. So each operation happens as a whole or not at all, at one
 * moment between the call and its return. Several operations do not happen at the same moment.
 */
export async function runBatch(
  writer: RowWriter,
  own: OwnRows,
  requests: readonly RowRequest[],
  asking: Asking,
): Promise<Reply> {
  const batch = new Batch(own, requests, asking)
  for (;;) {
    const flight = batch.next()
    if (flight === null) return batch.reply
    // oxlint-disable-next-line no-await-in-loop -- each flight is about what the one before has left
    const landed = await writer.send(flight)
    if (flight.reads.length > 0 && landed.rows === null && !landed.hasConflict) {
      // Another epoch. Only if nothing has changed may the caller send the same again.
      if (writer.hasChanged) throw new OutcomeUnknown(new Error('the epoch was raised during the batch'))
      return { floor: null, results: [] }
    }
    // oxlint-disable-next-line no-await-in-loop -- the same
    if (batch.take(landed)) await writer.pause()
  }
}

class Batch {
  readonly #own: OwnRows
  readonly #me: number
  readonly #results: (RowResult | null)[]
  #open: Open[]
  #floor: bigint | null = null

  constructor(own: OwnRows, requests: readonly RowRequest[], { id, dead }: Asking) {
    this.#own = own
    this.#me = id
    this.#results = requests.map(() => null)
    const gone = new Set(dead.map(Number))
    const isDead = (member: number): boolean => gone.has(member)
    const order = inOrder(
      requests.map((_, i) => i),
      requests,
    )
    this.#open = order.map((at) => {
      const { code, token, operation } = requests[at]!
      const key = operation.key.bits
      const isNew = code > CODE.look
      const row = isNew ? null : own.get(key)
      return { at, key, code, change: { code, token, me: id, isDead }, row, isRead: false, after: null }
    })
  }

  get reply(): Reply {
    return { floor: this.#floor === null ? null : String(this.#floor), results: this.#results }
  }

  /** What to send next. Null if every operation has its result. */
  next(): { quiet: RowWrite[]; contended: RowWrite[]; makes: RowMake[]; reads: string[] } | null {
    this.#open = this.#open.filter((each) => !this.#decide(each))
    if (this.#open.length === 0) return null
    const flight = {
      quiet: [] as RowWrite[],
      contended: [] as RowWrite[],
      makes: [] as RowMake[],
      reads: [] as string[],
    }
    for (const { key, row, after, isRead } of this.#open) {
      if (row === undefined || after === null) flight.reads.push(key)
      else if (row === null) flight.makes.push({ key, row: after })
      else (isRead ? flight.contended : flight.quiet).push({ key, before: row, after })
    }
    return flight
  }

  /** Sets what to write. Returns true if the operation has its result. */
  #decide(open: Open): boolean {
    const { row, code, change, at } = open
    open.after = null
    if (row === undefined) return false
    if (row === null) {
      const newCode = code > CODE.look ? code : NEW_CODE[code]
      if (newCode === undefined) return true
      open.after = created(newCode, this.#me, 0n).row
      return false
    }
    // The row exists after all. The caller repeats the operation as one on a known row.
    if (code > CODE.look) return true
    const after = changed(row, change)
    if (after !== null && !isSameRow(row, after)) {
      open.after = after
      return false
    }
    // Only the row itself shows that there is nothing to do: another member may have written it.
    if (!open.isRead) return false
    this.#results[at] = after === null ? null : resultOf(after, change)
    return true
  }

  /** Records what has happened. Returns true if other members were in the way. */
  take(landed: Landed): boolean {
    if (landed.floor !== null && (this.#floor === null || landed.floor < this.#floor))
      this.#floor = landed.floor
    let isInTheWay = landed.hasConflict
    this.#open = this.#open.filter((open) => {
      const { key, row, after } = open
      if (row === undefined || after === null) {
        if (landed.rows === null) return true
        open.row = landed.rows.get(key) ?? null
        open.isRead = true
        return true
      }
      if (row === null ? this.#made(open, landed) : this.#written(open, row, after, landed)) return false
      // A row from memory that has moved is only read again. One that moved since it was read is contended.
      isInTheWay ||= open.isRead && row !== null
      open.row = undefined
      open.isRead = false
      this.#own.delete(key)
      return true
    })
    return isInTheWay
  }

  #made({ at, key, code }: Open, landed: Landed): boolean {
    const token = landed.made.get(key)
    if (token === undefined) return false
    const newCode = code > CODE.look ? code : NEW_CODE[code]!
    const { row, result } = created(newCode, this.#me, token - STEP)
    this.#own.set(key, { ...row, version: token })
    this.#results[at] = result
    return true
  }

  #written({ at, key, change }: Open, before: StoredRow, after: LeaseRow, landed: Landed): boolean {
    if (!landed.written.has(key)) return false
    this.#own.set(key, { ...after, version: nextVersion(before.version, after) })
    this.#results[at] = resultOf(after, change)
    return true
  }
}
