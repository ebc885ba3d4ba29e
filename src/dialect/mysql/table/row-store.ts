import { CODE, FLAG, isBrief, type RowRequest, type RowResult } from '../../rows/operations.js'
import { shapesOf, type RowSemaphore } from '../../rows/row-key.js'
import type { Asking, MemberState, Reply, RowStore, TakenSlots } from '../../rows/row-store.js'
import type { OwnRow } from '../connection/server-connection.js'
import { decodeBatch, decodeBrief, decodeWord, encodeBatch, encodeBrief, FIRST_WAITER } from './batch.js'
import { CALL_BATCH, CALL_BRIEF, CALL_SINGLE, CALL_TAKE, NEW_ROW } from './batch-sql.js'
import {
  ABANDON,
  BURY,
  CALL_BEAT,
  CALL_SWEEP,
  CALL_TIDY,
  HOLDERS,
  LEAVE,
  lookAtMember,
  OTHER_SHAPES,
  RAISE_EPOCH,
  WANTED_BY_OTHERS,
} from './member-sql.js'
import type { StatementRunner } from './statement-runner.js'

/** The number of free rows that may stay, and the maximum number to remove at once. */
const KEPT_ROWS = 20_000
const REMOVED_ROWS = 50_000

/** Rows with leases in MariaDB and MySQL. */
export class MysqlRows implements RowStore {
  readonly #runner: StatementRunner
  readonly #look: string

  /** `place` is the SQL expression that identifies the server. */
  constructor(runner: StatementRunner, place: string) {
    this.#runner = runner
    this.#look = lookAtMember(place)
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  async beat(id: number): Promise<{ beat: string | null; others: string | null }> {
    const [row] = await this.#runner.callAtLast(CALL_BEAT, [id])
    return { beat: textOf(row![0]), others: textOf(row![1]) }
  }

  async look(id: number): Promise<MemberState | undefined> {
    const [row] = await this.#runner.rows(this.#look, [id])
    return row && { epoch: String(row[0]), dead: Number(row[1]) === 1, isCurrent: Number(row[2]) === 1 }
  }

  async raiseEpoch(id: number, epoch: string): Promise<void> {
    await this.#runner.changeAtLast(RAISE_EPOCH, [epoch, id, epoch])
  }

  async leave(id: number): Promise<void> {
    await this.#runner.changeAtLast(LEAVE, [id])
  }

  async abandon(id: number): Promise<void> {
    await this.#runner.change(ABANDON, [id])
  }

  async bury(id: string, beat: string): Promise<boolean> {
    return (await this.#runner.change(BURY, [id, beat])) > 0
  }

  async sweep(id: string): Promise<void> {
    await this.#runner.callAtLast(CALL_SWEEP, [id])
  }

  async tidy(): Promise<void> {
    // Programs may make new names faster than one removal in each interval takes them away.
    for (let removed = REMOVED_ROWS; removed >= REMOVED_ROWS && !this.isOver;) {
      // oxlint-disable-next-line no-await-in-loop -- each removal begins where the one before has ended
      const [row] = await this.#runner.call(CALL_TIDY, [KEPT_ROWS, REMOVED_ROWS])
      removed = Number(row![0])
    }
  }

  batch(requests: readonly RowRequest[], asking: Asking): Promise<Reply> {
    if (!isBrief(requests)) return this.#any(requests, asking)
    return requests.length === 1 ? this.#single(requests, asking) : this.#brief(requests, asking)
  }

  async #single(requests: readonly RowRequest[], asking: Asking): Promise<Reply> {
    const { operation, code, token } = requests[0]!
    const values = [...valuesOf(asking), operation.key.bits, code, String(token)]
    const [row] = await this.#runner.call(CALL_SINGLE, values)
    const [floor, word] = [textOf(row![0]), String(row![1])]
    if (floor === null) return { floor, results: [] }
    return word === FIRST_WAITER ? this.#any(requests, asking) : { floor, results: [decodeWord(word)] }
  }

  async #any(requests: readonly RowRequest[], asking: Asking): Promise<Reply> {
    const { operations, order } = encodeBatch(requests)
    const [row] = await this.#runner.call(CALL_BATCH, [...valuesOf(asking), operations])
    const [floor, done] = row!
    return { floor: textOf(floor), results: decodeBatch(String(done), requests, order) }
  }

  async #brief(requests: readonly RowRequest[], asking: Asking): Promise<Reply> {
    const brief = encodeBrief(requests)
    const values = [...valuesOf(asking), brief.newKeys, brief.operations]
    const [row] = await this.#runner.call(CALL_BRIEF, values)
    const floor = textOf(row![0])
    if (floor === null) return { floor, results: [] }
    const { results, first } = decodeBrief(row!, requests, brief)
    if (first.length > 0) await this.#asFirst(requests, first, results, asking)
    return { floor, results }
  }

  /**
   * Repeats attempts of a first waiter as a full batch. The other operations are done. If the gate now refuses the
   * member, these attempts were not granted.
   */
  async #asFirst(
    requests: readonly RowRequest[],
    first: readonly number[],
    results: (RowResult | null)[],
    asking: Asking,
  ): Promise<void> {
    const again = await this.#any(
      first.map((i) => requests[i]!),
      asking,
    )
    if (again.floor !== null) for (const [at, i] of first.entries()) results[i] = again.results[at]!
  }

  async makeSlots(keys: readonly string[], asking: Asking): Promise<string | null> {
    const operations = rowsOf(keys, NEW_ROW)
    const [row] = await this.#runner.callAtLast(CALL_BATCH, [...valuesOf(asking), operations])
    return textOf(row![0])
  }

  async takeSlots(keys: readonly string[], atMost: number, asking: Asking): Promise<TakenSlots> {
    const [row] = await this.#runner.call(CALL_TAKE, [...valuesOf(asking), `[${keys.join(',')}]`, atMost])
    return { floor: textOf(row![0]), taken: textOf(row![1]) }
  }

  /** Runs as a batch, which in a cluster sees everything that this member has done on other nodes. */
  async ownSlots(keys: readonly string[], asking: Asking): Promise<TakenSlots> {
    const sorted = inOrder(keys)
    const [row] = await this.#runner.callAtLast(CALL_BATCH, [...valuesOf(asking), rowsOf(sorted, CODE.look)])
    const own: string[] = []
    for (const each of String(row![1]).split(' ')) {
      const [number, flags, token] = each.split(':')
      if ((Number(flags) & FLAG.owns) !== 0) own.push(`${sorted[Number(number) - 1]}:${token}`)
    }
    return { floor: textOf(row![0]), taken: own.length === 0 ? null : own.join(' ') }
  }

  /** Waiters poll by themselves. */
  async wake(key: string, id: number): Promise<number> {
    return (await this.wantedByOthers([key], id)).length
  }

  async otherPermits(semaphore: RowSemaphore, dead: readonly string[]): Promise<number | null> {
    const from = shapesOf(semaphore)
    const rows = await this.#runner.rows(OTHER_SHAPES, [from, from, from, semaphore.shape.bits])
    const gone = new Set(dead)
    const used = rows.find(([, readers]) => membersIn(readers).some((reader) => !gone.has(reader)))
    return used === undefined ? null : Number(used[0])
  }

  async wantedByOthers(keys: readonly string[], id: number): Promise<readonly string[]> {
    const rows = await this.#runner.rows(WANTED_BY_OTHERS, [`[${keys.join(',')}]`, id, id])
    return rows.map(([key]) => String(key))
  }

  async holders(key: string, id: number): Promise<readonly { id: string; name: string }[]> {
    const rows = await this.#runner.rows(HOLDERS, [key, id])
    return rows.map(([member, name]) => ({ id: String(member), name: String(name) }))
  }
}

function valuesOf({ id, epoch, dead }: Asking): (string | number)[] {
  return [id, epoch, dead.length === 0 ? '' : ` ${dead.join(' ')} `]
}

function textOf(value: OwnRow[number] | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

function membersIn(list: OwnRow[number] | undefined): string[] {
  return String(list ?? '')
    .split(' ')
    .filter((each) => each !== '')
}

function inOrder(keys: readonly string[]): string[] {
  return keys
    .map(BigInt)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map(String)
}

function rowsOf(keys: readonly string[], code: number): string {
  return `[${inOrder(keys)
    .map((key) => `[${key},${code},0]`)
    .join(',')}]`
}
