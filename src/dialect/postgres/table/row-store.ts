import { isBrief, type RowRequest } from '../../rows/operations.js'
import { shapesOf, type RowSemaphore } from '../../rows/row-key.js'
import type { Asking, MemberState, Reply, RowStore, TakenSlots } from '../../rows/row-store.js'
import { decodeAsk, encodeAsk, type AskRow } from './batch.js'
import { BATCH, CALL_BATCH } from './batch-sql.js'
import { Generations } from './generation.js'
import { decodeBrief, encodeBrief, type BriefRow } from './brief-batch.js'
import { BRIEF_BATCH, CALL_BRIEF_BATCH } from './brief-batch-sql.js'
import {
  ABANDON,
  BEAT,
  BURY,
  REMOVE_DEAD,
  HOLDERS,
  LEAVE,
  LOOK_AT_MEMBER,
  RAISE_EPOCH,
  SWEEP,
  WANTED_BY_OTHERS,
} from './member-sql.js'
import { MAKE_SLOTS, OTHER_SHAPES, OWN_SLOTS, TAKE_SLOTS, WAKE_WAITERS } from './permit-rows-sql.js'
import type { StatementRunner } from './statement-runner.js'
import { tidyRows } from './tidy.js'

/** Rows with leases in PostgreSQL. */
export class PostgresRows implements RowStore {
  readonly #runner: StatementRunner
  readonly #hasFunctions: boolean
  readonly #generations: Generations

  constructor(runner: StatementRunner, hasFunctions: boolean) {
    this.#runner = runner
    this.#hasFunctions = hasFunctions
    this.#generations = new Generations(runner)
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  async beat(id: number): Promise<{ beat: string | null; others: string | null }> {
    const [row] = await this.#runner.rowsAtLast<{ beat: string | null; others: string | null }>(
      STATEMENTS.beat,
      [String(id)],
    )
    return row!
  }

  async look(id: number): Promise<MemberState | undefined> {
    const [row] = await this.#runner.rowsAtLast<MemberRow>(STATEMENTS.look, [String(id)])
    return row && { epoch: row.epoch, dead: row.dead, isCurrent: row.is_current }
  }

  async raiseEpoch(id: number, epoch: string): Promise<void> {
    await this.#runner.rowsAtLast(STATEMENTS.raiseEpoch, [String(id), epoch])
  }

  async leave(id: number): Promise<void> {
    const gone = await this.#runner.rowsAtLast(STATEMENTS.leave, [String(id), `-${id}`])
    if (gone.length > 0) return
    await this.abandon(id)
    await this.sweep(String(id), [])
  }

  async abandon(id: number): Promise<void> {
    await this.#runner.rows(STATEMENTS.abandon, [String(id)])
  }

  async bury(id: string, beat: string): Promise<boolean> {
    return (await this.#runner.rows(STATEMENTS.bury, [id, beat])).length > 0
  }

  async sweep(id: string, dead: readonly string[]): Promise<void> {
    const runner = this.#runner
    const [row] = await runner.rows<MemberRow>(STATEMENTS.look, [id])
    if (row === undefined) return
    await runner.rowsAtLast(STATEMENTS.raiseEpoch, [id, String(BigInt(row.epoch) + 1n)])
    await runner.rowsAtLast(STATEMENTS.sweep, [id, [...dead, id], `-${id}`])
    await runner.rowsAtLast(STATEMENTS.removeDead, [id, `-${id}`])
  }

  tidy(): Promise<void> {
    return tidyRows(this.#runner)
  }

  batch(requests: readonly RowRequest[], asking: Asking): Promise<Reply> {
    this.#generations.used(requests.length, asking.id)
    return isBrief(requests) ? this.#brief(requests, asking) : this.#any(requests, asking)
  }

  async #any(requests: readonly RowRequest[], { id, epoch, dead }: Asking): Promise<Reply> {
    const { codes, keys, tokens, order } = encodeAsk(requests)
    const values = [codes, keys, tokens, String(id), `-${id}`, epoch, dead]
    const statement = this.#hasFunctions ? STATEMENTS.call : STATEMENTS.batch
    const [row] = await this.#runner.rows<AskRow>(statement, values)
    return { floor: row!.floor, results: decodeAsk(row!, requests, order) }
  }

  async #brief(requests: readonly RowRequest[], { id, epoch, dead }: Asking): Promise<Reply> {
    const { made, keys, tokens, releases, order } = encodeBrief(requests)
    const values = [made, keys, tokens, String(id), epoch, dead, releases]
    const statement = this.#hasFunctions ? STATEMENTS.callBrief : STATEMENTS.brief
    const [row] = await this.#runner.rows<BriefRow>(statement, values)
    const { floor } = row!
    return { floor, results: floor === null ? [] : decodeBrief(row!, requests, order) }
  }

  async makeSlots(keys: readonly string[], { id, epoch }: Asking): Promise<string | null> {
    const values = [keys, String(id), epoch]
    const [row] = await this.#runner.rowsAtLast<{ floor: string | null }>(STATEMENTS.make, values)
    return row!.floor
  }

  async takeSlots(keys: readonly string[], atMost: number, { id, epoch, dead }: Asking): Promise<TakenSlots> {
    const values = [keys, atMost, String(id), epoch, dead]
    const [row] = await this.#runner.rows<TakenSlots>(STATEMENTS.take, values)
    return row!
  }

  async ownSlots(keys: readonly string[], { id }: Asking): Promise<TakenSlots> {
    const [row] = await this.#runner.rowsAtLast<{ taken: string | null }>(STATEMENTS.own, [keys, String(id)])
    return { floor: '', taken: row!.taken }
  }

  async wake(key: string, id: number, atMost: number): Promise<number> {
    const values = [key, String(id), atMost]
    const [row] = await this.#runner.rowsAtLast<{ woken: number }>(STATEMENTS.wake, values)
    return row!.woken
  }

  async otherPermits(semaphore: RowSemaphore, dead: readonly string[]): Promise<number | null> {
    const values = [shapesOf(semaphore), semaphore.shape.bits, dead]
    const [row] = await this.#runner.rowsAtLast<{ permits: number }>(STATEMENTS.others, values)
    return row?.permits ?? null
  }

  async wantedByOthers(keys: readonly string[], id: number): Promise<readonly string[]> {
    const values = [keys, String(id), `-${id}`]
    const rows = await this.#runner.rowsAtLast<{ key: string }>(STATEMENTS.wanted, values)
    return rows.map(({ key }) => key)
  }

  holders(key: string, id: number): Promise<readonly { id: string; name: string }[]> {
    return this.#runner.rowsAtLast(STATEMENTS.holders, [key, String(id)])
  }
}

interface MemberRow {
  readonly epoch: string
  readonly dead: boolean
  readonly is_current: boolean
}

const STATEMENTS = {
  beat: { name: 'lockpool_beat', text: BEAT },
  raiseEpoch: { name: 'lockpool_raise_epoch', text: RAISE_EPOCH },
  look: { name: 'lockpool_look_at_member', text: LOOK_AT_MEMBER },
  leave: { name: 'lockpool_leave_members', text: LEAVE },
  abandon: { name: 'lockpool_abandon', text: ABANDON },
  bury: { name: 'lockpool_bury', text: BURY },
  sweep: { name: 'lockpool_sweep_member', text: SWEEP },
  removeDead: { name: 'lockpool_forget_dead', text: REMOVE_DEAD },
  batch: { name: 'lockpool_table_batch', text: BATCH },
  brief: { name: 'lockpool_table_brief', text: BRIEF_BATCH },
  call: { name: 'lockpool_call_batch', text: CALL_BATCH },
  callBrief: { name: 'lockpool_call_brief', text: CALL_BRIEF_BATCH },
  make: { name: 'lockpool_make_slots', text: MAKE_SLOTS },
  take: { name: 'lockpool_take_slots', text: TAKE_SLOTS },
  own: { name: 'lockpool_own_slots', text: OWN_SLOTS },
  wake: { name: 'lockpool_wake_waiters', text: WAKE_WAITERS },
  others: { name: 'lockpool_other_shapes', text: OTHER_SHAPES },
  holders: { name: 'lockpool_table_holders', text: HOLDERS },
  wanted: { name: 'lockpool_table_wanted', text: WANTED_BY_OTHERS },
} as const
