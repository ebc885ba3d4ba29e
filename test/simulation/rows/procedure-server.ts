import {
  CALL_BATCH,
  CALL_BRIEF,
  CALL_SINGLE,
  CALL_TAKE,
  NEW_ROW,
} from '../../../src/dialect/mysql/table/batch-sql.js'
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
} from '../../../src/dialect/mysql/table/member-sql.js'
import { FIRST_WAITER } from '../../../src/dialect/mysql/table/batch.js'
import type { OwnRow } from '../../../src/dialect/mysql/connection/server-connection.js'
import { CODE } from '../../../src/dialect/rows/operations.js'
import type { PlaceRow } from '../../../src/dialect/rows/place.js'
import { changedByProcedure, flagsByProcedure, newFlags, type FreedRow } from './procedure-row.js'
import { RowServer } from './row-server.js'
import { STEP } from '../../../src/dialect/rows/row-change.js'

/** The simulated rows are on one server for ever. */
export const PLACE = 'here'

/** The limits for the removal of rows that name no process. They are small because a run has few keys. */
const KEPT = 1
const AT_ONCE = 3

type Value = string | number | null
type Operation = readonly [key: string, code: number, token: bigint]

/**
 * The tables of backend `table` of MariaDB and MySQL, in memory. Each call does the same as one procedure or statement of
 * `src/dialect/mysql/table`, so both must change together. All of a procedure happens at once, or nothing.
 */
export class ProcedureServer extends RowServer {
  /** The member that has released the grant with the row's token, by key. */
  readonly #freed = new Map<string, number>()
  readonly #statements: Readonly<Record<string, (values: readonly Value[]) => OwnRow[] | number>> = {
    [CALL_BRIEF]: (values) => [this.#brief(values)],
    [CALL_SINGLE]: (values) => [this.#single(values)],
    [CALL_BATCH]: (values) => [this.#batch(values)],
    [CALL_TAKE]: (values) => [this.#take(values)],
    [CALL_BEAT]: ([id]) => {
      const { beat, others } = this.beat(Number(id))
      return [[beat, others]]
    },
    [CALL_SWEEP]: ([id]) => [[this.#sweep(Number(id))]],
    [CALL_TIDY]: () => [[this.#tidy()]],
    [RAISE_EPOCH]: ([epoch, id]) => {
      this.raiseEpoch(Number(id), String(epoch))
      return 1
    },
    // No release gives a lock to a waiter, so no row names a member that has given up everything.
    [LEAVE]: ([id]) => Number(this.members.delete(Number(id))),
    [ABANDON]: ([id]) => {
      this.abandon(Number(id))
      return 1
    },
    [BURY]: ([id, beat]) => Number(this.bury(Number(id), String(beat))),
    [lookAtMember(PLACE)]: ([id]) => {
      const member = this.look(Number(id))
      return member === undefined ? [] : [[member.epoch, member.dead ? 1 : 0, 1]]
    },
    [OTHER_SHAPES]: ([from, , , own]) => this.#shapes(BigInt(from!), String(own)),
    [WANTED_BY_OTHERS]: ([keys, id]) =>
      this.wantedByOthers(keysIn(String(keys)), Number(id)).map((key) => [key]),
    [HOLDERS]: ([key, id]) => this.holders(String(key), Number(id)).map(({ id: each, name }) => [each, name]),
  }

  /** The rows of the answer, or the number of changed rows. */
  answer(sql: string, values: readonly Value[]): OwnRow[] | number {
    const statement = this.#statements[sql]
    if (statement === undefined) throw new Error(`the simulation does not know ${sql}`)
    return statement(values)
  }

  /** A waiter takes its lock by a statement of its own. */
  override places(keys: readonly string[], dead: readonly string[]): PlaceRow[] {
    return super.places(keys, dead).map((row) => ({ ...row, owner: null }))
  }

  #floorOf([me, epoch]: readonly Value[]): bigint | null {
    const member = this.members.get(Number(me))
    return member === undefined || member.dead || String(member.epoch) !== String(epoch) ? null : member.floor
  }

  #row(key: string): FreedRow | undefined {
    const row = this.leases.get(key)
    return row && { ...row, freed: this.#freed.get(key) ?? null }
  }

  #write(key: string, { freed, ...row }: FreedRow): void {
    this.leases.set(key, row)
    if (freed === null) this.#freed.delete(key)
    else this.#freed.set(key, freed)
  }

  #purge(dead: Value, keys: readonly string[]): void {
    const gone = new Set(String(dead).trim().split(' ').filter(Boolean).map(Number))
    for (const key of keys) {
      const row = this.#row(key)
      if (row === undefined) continue
      this.#write(key, {
        ...row,
        owner: row.owner !== null && gone.has(row.owner) ? null : row.owner,
        readers: row.readers.filter((each) => !gone.has(each)),
        waiters: row.waiters.filter((each) => !gone.has(Math.abs(each))),
      })
    }
  }

  /** An attempt on a row without holder and waiters, or a release. */
  #applyBrief(me: number, [key, code, token]: Operation): void {
    const row = this.#row(key)
    if (row === undefined) return
    if (code !== CODE.tryExclusive) {
      if (row.owner === me && row.token === token) this.#write(key, { ...row, owner: null, freed: me })
    } else if (row.owner === null && row.readers.length + row.waiters.length === 0)
      this.#write(key, { ...row, owner: me, freed: null, token: row.token + STEP })
  }

  #wordFor(me: number, [key, code, token]: Operation): string {
    const row = this.#row(key)
    if (row === undefined) return 'n'
    if (code === CODE.tryExclusive) {
      if (row.owner === me) return String(row.token)
      return row.waiters[0] === me ? FIRST_WAITER : 'n'
    }
    if (row.owner !== null || row.freed !== me || row.token !== token) return 'n'
    return row.waiters.some((each) => Math.abs(each) !== me) ? 'w' : 'd'
  }

  #make(key: string, me: number, floor: bigint): boolean {
    if (this.leases.has(key)) return false
    this.#write(key, { owner: me, freed: null, readers: [], waiters: [], token: floor + STEP })
    return true
  }

  #brief(values: readonly Value[]): OwnRow {
    const floor = this.#floorOf(values)
    if (floor === null) return [null, 0, null, null]
    const [me, , dead, newKeys, operations] = values
    const list = operationsIn(String(operations))
    this.#purge(
      dead!,
      list.map(([key]) => key),
    )
    for (const each of list) this.#applyBrief(Number(me), each)
    const done = list.map((each) => this.#wordFor(Number(me), each)).join(' ')
    const wanted = keysIn(String(newKeys))
    const made = wanted.filter((key) => this.#make(key, Number(me), floor))
    const madeKeys = made.length === wanted.length || made.length === 0 ? null : made.join(' ')
    return [String(floor), made.length, madeKeys, list.length === 0 ? null : done]
  }

  #single(values: readonly Value[]): OwnRow {
    const floor = this.#floorOf(values)
    if (floor === null) return [null, 'n']
    const [me, , dead, key, code, token] = values
    const operation: Operation = [String(key), Number(code), BigInt(token!)]
    if (operation[1] === CODE.newExclusive)
      return [String(floor), this.#make(String(key), Number(me), floor) ? String(floor + STEP) : 'n']
    this.#purge(dead!, [String(key)])
    this.#applyBrief(Number(me), operation)
    return [String(floor), this.#wordFor(Number(me), operation)]
  }

  #batch(values: readonly Value[]): OwnRow {
    const floor = this.#floorOf(values)
    if (floor === null) return [null, '']
    const [me, , dead, operations] = values
    const list = operationsIn(String(operations))
    this.#purge(
      dead!,
      list.map(([key]) => key),
    )
    const done = list.map((each, i) => this.#apply(Number(me), each, floor, i + 1))
    return [String(floor), done.join('')]
  }

  #apply(me: number, [key, code, token]: Operation, floor: bigint, number: number): string {
    const row = this.#row(key)
    if (code > CODE.look) {
      if (row !== undefined) return ''
      const first = code === NEW_ROW ? floor : floor + STEP
      this.#write(key, {
        owner: code === CODE.newExclusive ? me : null,
        freed: null,
        readers: code === CODE.newShared ? [me] : [],
        waiters: code === CODE.newQueue ? [me] : [],
        token: first,
      })
      return ` ${number}:${newFlags(code)}:${first}`
    }
    const after = row === undefined ? null : changedByProcedure(row, { code, token, me })
    if (after === null) return ''
    this.#write(key, after)
    return ` ${number}:${flagsByProcedure(after, me)}:${after.token}`
  }

  #take(values: readonly Value[]): OwnRow {
    const [me, epoch, dead, slots, atMost] = values
    const by = { id: Number(me), epoch: String(epoch), dead: String(dead).trim().split(' ') }
    const { floor, taken } = this.takeSlots(keysIn(String(slots)), Number(atMost), by)
    for (const each of taken?.split(' ') ?? []) this.#freed.delete(each.split(':')[0]!)
    return [floor, taken]
  }

  #sweep(gone: number): number {
    if (this.members.get(gone)?.dead !== true) return 0
    this.#purge(` ${gone} `, [...this.leases.keys()])
    this.members.delete(gone)
    return 1
  }

  #tidy(): number {
    const free = this.freeRows(KEPT, AT_ONCE)
    if (free === undefined) return 0
    const floor = this.raiseFloor(free.token)
    this.raiseFloorOfMembers(floor)
    this.removeRows(free.keys, floor)
    this.raiseFloorOfMembers(this.raiseFloor(0n))
    return free.keys.length
  }

  #shapes(from: bigint, own: string): OwnRow[] {
    return [...this.leases].flatMap(([key, { readers }]): OwnRow[] => {
      const number = BigInt(key) - from
      return number > 0n && number < 1024n && key !== own && readers.length > 0
        ? [[String(number), readers.join(' ')]]
        : []
    })
  }
}

function operationsIn(text: string): Operation[] {
  return [...text.matchAll(/\[(-?\d+),(\d+),(-?\d+)\]/g)].map(
    ([, key, code, token]) => [key!, Number(code), BigInt(token!)] as const,
  )
}

function keysIn(text: string): string[] {
  return text.match(/-?\d+/g) ?? []
}
