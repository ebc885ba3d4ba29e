import { createHash } from 'node:crypto'
import { CODE, type RowResult } from '../../../src/dialect/rows/operations.js'
import type { PlaceRow } from '../../../src/dialect/rows/place.js'
import {
  changed,
  created,
  givesUp,
  isFree,
  names,
  resultOf,
  STEP,
  swept,
  type LeaseRow,
  type RowChange,
} from '../../../src/dialect/rows/row-change.js'

interface MemberRow {
  readonly leaseMs: number
  readonly name: string
  readonly secret: string
  floor: bigint
  beat: number
  epoch: bigint
  dead: boolean
}

/** One operation of a batch, as it is sent. */
export interface SentOperation {
  readonly key: string
  readonly code: number
  readonly token: bigint
}

export interface SentBy {
  readonly id: number
  readonly epoch: string
  readonly dead: readonly string[]
}

/** A notification for a member. */
type Notify = (memberId: number, payload: string) => void

/**
 * The tables of backend `table`, in memory. Each method does the same as one statement of `src/dialect/postgres/table`, so both
 * must change together.
 */
export class RowServer {
  readonly leases: Map<string, LeaseRow> = new Map()
  readonly members: Map<number, MemberRow> = new Map()
  #floor = 0n
  notify: Notify = () => undefined

  /** The number of times that rows name a process that is not dead. */
  get named(): number {
    const isDead = (id: number): boolean => this.members.get(id)?.dead === true
    return [...this.leases.values()]
      .flatMap(({ owner, readers, waiters }) => [...(owner === null ? [] : [owner]), ...readers, ...waiters])
      .filter((each) => !isDead(Math.abs(each))).length
  }

  join(id: number, leaseMs: number, name: string): { floor: string; secret: string } {
    const secret = `secret of ${id}`
    this.members.set(id, { leaseMs, name, secret, floor: this.#floor, beat: 0, epoch: 0n, dead: false })
    return { floor: String(this.#floor), secret }
  }

  beat(id: number): { beat: string | null; others: string | null } {
    const mine = this.members.get(id)
    const isAlive = mine !== undefined && !mine.dead
    if (isAlive) mine.beat++
    const others = [...this.members].flatMap(([other, { beat, leaseMs, dead }]) =>
      other === id ? [] : [`${other}:${beat}:${leaseMs}:${dead ? 'd' : ''}`],
    )
    return { beat: isAlive ? String(mine.beat) : null, others: others.length === 0 ? null : others.join(' ') }
  }

  look(id: number): { epoch: string; dead: boolean } | undefined {
    const member = this.members.get(id)
    return member && { epoch: String(member.epoch), dead: member.dead }
  }

  raiseEpoch(id: number, epoch: string): void {
    const member = this.members.get(id)
    if (member !== undefined && member.epoch < BigInt(epoch)) member.epoch = BigInt(epoch)
  }

  /** Returns whether the member was removed. A member stays while a row names it. */
  leave(id: number): boolean {
    const isNamed = [...this.leases.values()].some((row) => names(row, id))
    return !isNamed && this.members.delete(id)
  }

  abandon(id: number): void {
    const member = this.members.get(id)
    if (member !== undefined) member.dead = true
  }

  bury(id: number, beat: string): boolean {
    const member = this.members.get(id)
    if (member === undefined || member.dead || String(member.beat) !== beat) return false
    return (member.dead = true)
  }

  sweep(id: number, dead: readonly string[]): void {
    const gone = new Set(dead.map(Number))
    for (const [key, row] of this.leases) {
      if (!names(row, id)) continue
      const after = swept(row, id, gone)
      this.leases.set(key, after)
      this.#tell(key, after, null)
    }
  }

  forget(id: number): void {
    if (this.members.get(id)?.dead === true) this.members.delete(id)
  }

  batch(
    operations: readonly SentOperation[],
    by: SentBy,
  ): { floor: string | null; results: (RowResult | null)[] } {
    const floor = this.#gate(by)
    if (floor === null) return { floor: null, results: [] }
    return { floor: String(floor), results: operations.map((each) => this.#apply(each, by, floor)) }
  }

  makeSlots(keys: readonly string[], by: SentBy): string | null {
    const floor = this.#gate(by)
    if (floor === null) return null
    for (const key of keys) if (!this.leases.has(key)) this.leases.set(key, { ...FREE, token: floor })
    return String(floor)
  }

  takeSlots(
    keys: readonly string[],
    atMost: number,
    by: SentBy,
  ): { floor: string | null; taken: string | null } {
    const floor = this.#gate(by)
    if (floor === null) return { floor: null, taken: null }
    const isFree = (key: string): boolean => {
      const row = this.leases.get(key)
      return row !== undefined && (row.owner === null || by.dead.includes(String(row.owner)))
    }
    const taken = keys.filter(isFree).slice(0, atMost)
    for (const key of taken) {
      const row = this.leases.get(key)!
      this.leases.set(key, { ...row, owner: by.id, token: row.token + STEP })
    }
    return { floor: String(floor), taken: this.#withTokens(taken) }
  }

  ownSlots(keys: readonly string[], id: number): string | null {
    return this.#withTokens(keys.filter((key) => this.leases.get(key)?.owner === id))
  }

  wake(key: string, id: number, atMost: number): number {
    const waiters = this.leases.get(key)?.waiters.filter((each) => each !== id) ?? []
    const woken = waiters.slice(0, atMost)
    for (const each of woken) this.notify(each, key)
    return woken.length
  }

  otherPermits(shapes: string, own: string, dead: readonly string[]): number | null {
    const from = BigInt(shapes)
    for (const [key, { readers }] of this.leases) {
      const number = BigInt(key) - from
      const isShape = number > 0n && number < 1024n && key !== own
      if (isShape && readers.some((each) => !dead.includes(String(each)))) return Number(number)
    }
    return null
  }

  wantedByOthers(keys: readonly string[], id: number): string[] {
    return keys.filter((key) => this.leases.get(key)?.waiters.some((each) => Math.abs(each) !== id))
  }

  holders(key: string, id: number): { id: string; name: string }[] {
    const row = this.leases.get(key)
    const holds = (each: number): boolean => row?.owner === each || row?.readers.includes(each) === true
    return [...this.members].flatMap(([each, { name, dead }]) =>
      holds(each) && !dead && each !== id ? [{ id: String(each), name }] : [],
    )
  }

  places(keys: readonly string[], dead: readonly string[]): PlaceRow[] {
    return keys.flatMap((key): PlaceRow[] => {
      const row = this.leases.get(key)
      if (row === undefined) return []
      const { owner, readers, waiters, token } = row
      return [
        {
          key,
          token: String(token),
          is_unowned: owner === null || dead.includes(String(owner)),
          is_unread: readers.every((each) => dead.includes(String(each))),
          owner: owner === null ? null : String(owner),
          waiters: waiters.length === 0 ? null : waiters.join(' '),
        },
      ]
    })
  }

  freeRows(kept: number, atOnce: number): { keys: string[]; token: bigint } | undefined {
    const free = [...this.leases].filter(([, row]) => isFree(row)).slice(0, atOnce)
    if (free.length <= kept) return undefined
    const token = free.reduce((most, [, row]) => (row.token > most ? row.token : most), 0n)
    return { keys: free.map(([key]) => key), token }
  }

  raiseFloor(token: bigint): bigint {
    this.#floor = token > this.#floor ? token : this.#floor + 1n
    return this.#floor
  }

  raiseFloorOfMembers(floor: bigint): void {
    for (const member of this.members.values()) if (member.floor < floor) member.floor = floor
  }

  removeRows(keys: readonly string[], floor: bigint): void {
    for (const key of keys) {
      const row = this.leases.get(key)
      if (row !== undefined && isFree(row) && row.token <= floor) this.leases.delete(key)
    }
  }

  /** What a move to the next generation means for those who know nothing of generations: one transaction of the server. */
  nextGeneration(id: number): void {
    if (this.members.get(id)?.dead !== false) return
    let most = 0n
    for (const [key, row] of this.leases) {
      if (row.token > most) most = row.token
      if (isFree(row)) this.leases.delete(key)
    }
    const floor = this.raiseFloor(most)
    for (const member of this.members.values()) member.epoch++
    this.raiseFloorOfMembers(floor)
  }

  #gate({ id, epoch }: SentBy): bigint | null {
    const member = this.members.get(id)
    return member === undefined || member.dead || String(member.epoch) !== epoch ? null : member.floor
  }

  #apply({ key, code, token }: SentOperation, { id: me, dead }: SentBy, floor: bigint): RowResult | null {
    if (code > CODE.look) return this.#make(key, code, me, floor)
    const row = this.leases.get(key)
    const change: RowChange = { code, token, me, isDead: (each) => dead.includes(String(each)) }
    const after = row === undefined ? null : changed(row, change)
    if (after === null) return null
    this.leases.set(key, after)
    if (givesUp(code)) this.#tell(key, after, me)
    return resultOf(after, change)
  }

  #make(key: string, code: number, me: number, floor: bigint): RowResult | null {
    if (this.leases.has(key)) return null
    const { row, result } = created(code, me, floor)
    this.leases.set(key, row)
    return result
  }

  /**
   * Notifies the member that was given the row. If there is none, notifies waiters that may try: a writer alone, readers
   * together.
   */
  #tell(key: string, { owner, waiters, token }: LeaseRow, me: number | null): void {
    if (owner !== null && owner !== me) {
      const secret = this.members.get(owner)?.secret
      const proof = createHash('sha256').update(`${secret} ${key} ${token}`).digest('hex')
      return this.notify(owner, `${key} ${token} ${proof}`)
    }
    const [first] = waiters
    if (first === undefined) return
    const woken = first > 0 ? [first] : waiters.slice(0, 8).filter((each) => each < 0)
    for (const each of woken) this.notify(Math.abs(each), key)
  }

  #withTokens(keys: readonly string[]): string | null {
    if (keys.length === 0) return null
    return keys.map((key) => `${key}:${this.leases.get(key)!.token}`).join(' ')
  }
}

const FREE = { owner: null, readers: [], waiters: [] }
