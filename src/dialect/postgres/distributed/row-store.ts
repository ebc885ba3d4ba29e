import type { RowRequest } from '../../rows/operations.js'
import { STEP } from '../../rows/row-change.js'
import { shapesOf, type RowSemaphore } from '../../rows/row-key.js'
import type { Asking, MemberState, Reply, RowStore, TakenSlots } from '../../rows/row-store.js'
import { OutcomeUnknown } from '../../rows/statement-runner.js'
import type { TidyLimits } from '../table/tidy.js'
import { runBatch } from './batch.js'
import { byKey, Endings } from './ending.js'
import { LOOK_AT_ROWS, READ_GATE, ROWS_BETWEEN } from './lease-sql.js'
import { BEAT, BURY, LOOK_AT_MEMBER, MEMBER_NAMES, OTHER_MEMBERS, RAISE_EPOCH } from './member-sql.js'
import { OwnRows } from './own-rows.js'
import { RowWriter, type Runner, type WriterHost } from './row-writer.js'
import { storedRow, type LeaseColumns, type StoredRow } from './stored-row.js'
import { takeSlots } from './slots.js'
import { TIDY_LIMITS, tidyDistributed } from './tidy.js'

/** The removal of rows reads all of them, so only one of this many calls does it. */
const TIDY_EVERY = 30

export interface StoreHost extends WriterHost {
  /** Default: `TIDY_EVERY`. */
  readonly tidyEvery?: number
  readonly tidyLimits?: TidyLimits
}

/** Rows with leases in engines with only the common part of PostgreSQL's SQL. See decision 0027. */
export class DistributedRows implements RowStore {
  readonly #runner: Runner
  readonly #host: StoreHost
  readonly #endings: Endings
  readonly #own = new OwnRows()
  #tidyCalls = 0

  constructor(runner: Runner, host: StoreHost) {
    this.#runner = runner
    this.#host = host
    this.#endings = new Endings(runner, host)
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  async beat(id: number): Promise<{ beat: string | null; others: string | null }> {
    const [beat] = await this.#runner.rowsAtLast<{ beat: string }>(STATEMENTS.beat, [String(id)])
    const others = await this.#runner.rowsAtLast<MemberRow>(STATEMENTS.others, [String(id)])
    const states = others.map((each) => `${each.id}:${each.beat}:${each.lease_ms}:${each.dead ? 'd' : ''}`)
    return { beat: beat?.beat ?? null, others: states.length === 0 ? null : states.join(' ') }
  }

  async look(id: number): Promise<MemberState | undefined> {
    const [row] = await this.#runner.rowsAtLast<{ epoch: string; dead: boolean }>(STATEMENTS.look, [
      String(id),
    ])
    return row && { ...row, isCurrent: true }
  }

  async raiseEpoch(id: number, epoch: string): Promise<void> {
    await this.#runner.rowsAtLast(STATEMENTS.raiseEpoch, [String(id), epoch])
  }

  leave(id: number): Promise<void> {
    return this.#endings.leave(String(id))
  }

  abandon(id: number): Promise<void> {
    return this.#endings.abandon(String(id))
  }

  async bury(id: string, beat: string): Promise<boolean> {
    return (await this.#runner.rows(STATEMENTS.bury, [id, beat])).length > 0
  }

  sweep(id: string, dead: readonly string[]): Promise<void> {
    return this.#endings.sweep(id, dead)
  }

  async tidy(): Promise<void> {
    const { tidyEvery = TIDY_EVERY, tidyLimits = TIDY_LIMITS } = this.#host
    if (++this.#tidyCalls % tidyEvery === 0) await tidyDistributed(this.#runner, tidyLimits)
  }

  batch(requests: readonly RowRequest[], asking: Asking): Promise<Reply> {
    return runBatch(this.#writer(asking), this.#own, requests, asking)
  }

  async makeSlots(keys: readonly string[], asking: Asking): Promise<string | null> {
    const writer = this.#writer(asking)
    const makes = keys.map((key) => ({ key, row: FREE }))
    for (;;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- again only after a conflict or a lost answer
        const { floor, hasConflict } = await writer.send({ ...NOTHING, makes })
        if (!hasConflict) return floor === null ? await this.#floorOf(asking) : String(floor)
      } catch (error) {
        // It may run twice.
        if (!(error instanceof OutcomeUnknown)) throw error
      }
      // oxlint-disable-next-line no-await-in-loop -- the same
      await writer.pause()
    }
  }

  takeSlots(keys: readonly string[], atMost: number, asking: Asking): Promise<TakenSlots> {
    return takeSlots(this.#writer(asking), keys, atMost, asking)
  }

  async ownSlots(keys: readonly string[], asking: Asking): Promise<TakenSlots> {
    const { rows, floor } = await this.#writer(asking).send({ ...NOTHING, reads: keys })
    if (rows === null || floor === null) return { floor: null, taken: null }
    const own = [...rows].filter(([, { owner }]) => owner === asking.id)
    const taken = own.map(([key, { token }]) => `${key}:${token}`)
    return { floor: String(floor), taken: taken.length === 0 ? null : taken.join(' ') }
  }

  /** There are no notifications: the waiters poll. This only counts them. */
  async wake(key: string, id: number, atMost: number): Promise<number> {
    const row = (await this.#look([key])).get(key)
    return Math.min(row?.waiters.filter((each) => each !== id).length ?? 0, atMost)
  }

  async otherPermits(semaphore: RowSemaphore, dead: readonly string[]): Promise<number | null> {
    const from = BigInt(shapesOf(semaphore))
    const values = [String(from), String(from + SHAPES)]
    const rows = await this.#runner.rowsAtLast<LeaseColumns>(STATEMENTS.between, values)
    const gone = new Set(dead.map(Number))
    const other = rows.find(
      (row) => row.key !== semaphore.shape.bits && !storedRow(row).readers.every((each) => gone.has(each)),
    )
    return other === undefined ? null : Number(BigInt(other.key) - from)
  }

  async wantedByOthers(keys: readonly string[], id: number): Promise<readonly string[]> {
    const rows = await this.#look(keys)
    return [...rows].flatMap(([key, { waiters }]) =>
      waiters.some((each) => Math.abs(each) !== id) ? [key] : [],
    )
  }

  async holders(key: string, id: number): Promise<readonly { id: string; name: string }[]> {
    const row = (await this.#look([key])).get(key)
    if (row === undefined) return []
    const { owner, readers } = row
    const ids = [...(owner === null ? [] : [owner]), ...readers].filter((each) => each !== id).map(String)
    return ids.length === 0 ? [] : this.#runner.rowsAtLast(STATEMENTS.names, [ids])
  }

  async #floorOf({ id, epoch }: Asking): Promise<string | null> {
    const [gate] = await this.#runner.rowsAtLast<{ floor: string }>(STATEMENTS.gate, [String(id), epoch])
    return gate?.floor ?? null
  }

  #writer(asking: Asking): RowWriter {
    return new RowWriter(this.#runner, this.#host, asking)
  }

  async #look(keys: readonly string[]): Promise<ReadonlyMap<string, StoredRow>> {
    return byKey(await this.#runner.rowsAtLast<LeaseColumns>(STATEMENTS.lookAtRows, [keys]))
  }
}

const FREE = { owner: null, readers: [], waiters: [], token: 0n }

const NOTHING = { quiet: [], contended: [], makes: [], reads: [] }

/** The shapes of a semaphore are this many keys. */
const SHAPES = STEP

interface MemberRow {
  readonly id: string
  readonly beat: string
  readonly lease_ms: string
  readonly dead: boolean
}

const STATEMENTS = {
  beat: { name: 'lockpool_dist_beat', text: BEAT },
  others: { name: 'lockpool_dist_others', text: OTHER_MEMBERS },
  look: { name: 'lockpool_dist_look', text: LOOK_AT_MEMBER },
  raiseEpoch: { name: 'lockpool_dist_raise_epoch', text: RAISE_EPOCH },
  bury: { name: 'lockpool_dist_bury', text: BURY },
  names: { name: 'lockpool_dist_names', text: MEMBER_NAMES },
  gate: { name: 'lockpool_dist_gate', text: READ_GATE },
  lookAtRows: { name: 'lockpool_dist_rows', text: LOOK_AT_ROWS },
  between: { name: 'lockpool_dist_between', text: ROWS_BETWEEN },
} as const
