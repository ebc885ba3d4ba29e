import type { PermitOperation, PermitReply, TakenPermit } from '../../permit-operation.js'
import { shapesOf, type PostgresKey, type PostgresSemaphore } from '../keys/key.js'
import type { Member } from './member.js'
import { MAKE_SLOTS, OTHER_SHAPES, OWN_SLOTS, TAKE_SLOTS, WAKE_WAITERS } from './permit-rows-sql.js'
import type { KnownRows } from './rows.js'
import { OutcomeUnknown } from './statement-runner.js'
import type { TableAsker } from './asker.js'
import type { Asked } from './batch.js'
import { CODE } from './batch-sql.js'
import type { HeldRows } from './held.js'
import type { Waits } from './waits.js'

type Done = Omit<PermitReply, 'otherPermits'>

/** A semaphore and the permits of one member. A slot is a row that has an owner, its waiters stand in a row of their own. */
export class TablePermits {
  readonly #member: Member
  readonly #asker: TableAsker
  readonly #known: KnownRows
  readonly #held: HeldRows
  readonly #waits: Waits
  readonly #hasTokens: boolean

  constructor(
    member: Member,
    asker: TableAsker,
    known: KnownRows,
    held: HeldRows,
    waits: Waits,
    hasTokens: boolean,
  ) {
    this.#member = member
    this.#asker = asker
    this.#known = known
    this.#held = held
    this.#waits = waits
    this.#hasTokens = hasTokens
  }

  async carryOut(operation: PermitOperation): Promise<PermitReply> {
    const done = await this.#do(operation)
    // Behind it: of two who come at once, the later to look sees the other.
    return { ...done, otherPermits: operation.looks ? await this.#others(operation) : null }
  }

  /** Every row that an operation may have changed. */
  keysOf({ semaphore }: PermitOperation): PostgresKey[] {
    const { key, shape, permits, slot } = semaphore as PostgresSemaphore
    return [key, shape, ...Array.from({ length: permits }, (_, i) => slot(i))]
  }

  #do(operation: PermitOperation): Promise<Done> {
    switch (operation.kind) {
      case 'take':
      case 'enqueue':
        return this.#take(operation)
      case 'wait':
      case 'retry':
        return this.#takeOrWait(operation)
      case 'leave':
        return this.#leave(operation)
      case 'release':
        return this.#release(operation)
    }
  }

  async #take(operation: PermitOperation): Promise<Done> {
    const { shape } = operation.semaphore as PostgresSemaphore
    if (operation.enters) await this.#ask([this.#enter(shape)])
    const taken = await this.#takeSlots(operation)
    if (operation.enters && taken.length === 0) await this.#ask([this.#exit(shape)])
    return { taken, said: 'done', missing: [] }
  }

  /** Stands among the waiters before it looks: either it sees what is given up, or whoever gives it up sees it. */
  async #takeOrWait(operation: PermitOperation): Promise<Done> {
    const { key, shape } = operation.semaphore as PostgresSemaphore
    const first = operation.kind === 'wait' || this.#waits.of(key.id) === undefined
    const asked = first ? [this.#asked(key, this.#known.has(key) ? CODE.queue : CODE.newQueue)] : []
    if (operation.enters) asked.push(this.#enter(shape))
    if (asked.length > 0) await this.#ask(asked)
    const taken = await this.#takeSlots(operation)
    if (taken.length < operation.atMost) {
      this.#waits.add({ key, mode: 'exclusive', memberId: String(this.#member.id), isSemaphore: true })
      return { taken, said: 'waiting', missing: [] }
    }
    await this.#ask([this.#asked(key, CODE.leave)])
    this.#waits.remove(key)
    return { taken, said: 'done', missing: [] }
  }

  async #leave({ semaphore, exits }: PermitOperation): Promise<Done> {
    const { key, shape } = semaphore as PostgresSemaphore
    this.#waits.remove(key)
    await this.#ask([this.#asked(key, CODE.leave), ...(exits ? [this.#exit(shape)] : [])])
    return { taken: [], said: 'done', missing: [] }
  }

  async #release({ semaphore, slots, exits }: PermitOperation): Promise<Done> {
    const { key, shape, slot } = semaphore as PostgresSemaphore
    const keys = slots.map((number) => slot(number))
    const asked = keys.map((each) =>
      this.#asked(each, CODE.releaseExclusive, this.#held.get(each)?.token ?? -1n),
    )
    const told = await this.#asker.ask(exits ? [...asked, this.#exit(shape)] : asked)
    for (const each of keys) this.#held.delete(each)
    if (exits) this.#held.delete(shape)
    const values = [key.bits, String(this.#member.id), slots.length]
    const [row] = await this.#member.runner.rowsAtLast<{ woken: number }>(STATEMENTS.wake, values)
    const missing = slots.filter((_, i) => told[i] === null)
    return { taken: [], said: row!.woken > 0 ? 'wanted' : 'done', missing }
  }

  #enter(shape: PostgresKey): Asked {
    this.#held.set(shape, 'shared', 0n)
    return this.#asked(shape, this.#known.has(shape) ? CODE.insistShared : CODE.newShared)
  }

  #exit(shape: PostgresKey): Asked {
    this.#held.delete(shape)
    return this.#asked(shape, CODE.releaseShared)
  }

  #asked(key: PostgresKey, code: number, token = 0n): Asked {
    const mode = code === CODE.insistShared || code === CODE.newShared ? 'shared' : 'exclusive'
    return { operation: { kind: 'wait', mode, key }, code, token }
  }

  /** A row that was to be new may be there already, or one that was known may have been removed. */
  async #ask(asked: readonly Asked[]): Promise<void> {
    const told = await this.#asker.ask(asked)
    const again: Asked[] = []
    for (const [i, each] of asked.entries()) {
      const isKnown = this.#known.has(each.operation.key)
      if (told[i] !== null) continue
      if (each.code > CODE.look) again.push({ ...each, code: KNOWN[each.code]! })
      else if (!isKnown && NEW[each.code] !== undefined) again.push({ ...each, code: NEW[each.code]! })
    }
    if (again.length > 0) await this.#asker.ask(again)
  }

  async #takeSlots(operation: PermitOperation): Promise<readonly TakenPermit[]> {
    const { slot, permits } = operation.semaphore as PostgresSemaphore
    const own = new Set(operation.slots)
    const numbers = Array.from({ length: permits }, (_, i) => (operation.from + i) % permits)
    const numberOf = new Map<string, number>()
    for (const number of numbers) if (!own.has(number)) numberOf.set(slot(number).bits, number)
    let found: string | null = null
    let isSure = numberOf.size === 0
    while (!isSure) {
      const { floor } = this.#known
      await this.#makeSlots(operation)
      found = await this.#takeRows([...numberOf.keys()], operation.atMost)
      // Where rows have been removed meanwhile, some of ours may have been among them.
      isSure = found !== null || floor === this.#known.floor
    }
    const taken = (found === null ? [] : found.split(' ')).map((each) => {
      const [bits, token] = each.split(':') as [string, string]
      const number = numberOf.get(bits)!
      const key = slot(number)
      this.#held.set(key, 'exclusive', BigInt(token))
      return { slot: number, token: this.#hasTokens ? token : null }
    })
    // In the order in which they were looked for.
    const placeOf = (number: number): number => (number - operation.from + permits) % permits
    return taken.toSorted((a, b) => placeOf(a.slot) - placeOf(b.slot))
  }

  async #takeRows(keys: readonly string[], atMost: number): Promise<string | null> {
    const member = this.#member
    for (;;) {
      const me = String(member.id)
      const values = [keys, atMost, me, member.epoch, member.dead]
      try {
        const [row] = await member.runner.rows<TakenRow>(STATEMENTS.take, values)
        if (row!.floor !== null) {
          this.#known.isCurrent(row!.floor)
          return row!.taken
        }
        await member.lookAgain()
      } catch (error) {
        if (!(error instanceof OutcomeUnknown)) throw error
        await member.raiseEpoch()
        const [row] = await member.runner.rowsAtLast<{ taken: string | null }>(STATEMENTS.own, [keys, me])
        if (row!.taken !== null) return row!.taken
      }
    }
  }

  async #makeSlots({ semaphore }: PermitOperation): Promise<void> {
    const { key, permits, slot } = semaphore as PostgresSemaphore
    const member = this.#member
    const all = `${key.id} ${permits}`
    while (!this.#known.hasSlotsOf(all)) {
      const bits = Array.from({ length: permits }, (_, i) => slot(i).bits)
      const values = [bits, String(member.id), member.epoch]
      const [row] = await member.runner.rowsAtLast<{ floor: string | null }>(STATEMENTS.make, values)
      if (row!.floor === null) await member.lookAgain()
      else if (this.#known.isCurrent(row!.floor)) this.#known.addSlotsOf(all)
    }
  }

  async #others({ semaphore }: PermitOperation): Promise<number | null> {
    const { shape } = semaphore as PostgresSemaphore
    const values = [shapesOf(semaphore as PostgresSemaphore), shape.bits, this.#member.dead]
    const [row] = await this.#member.runner.rowsAtLast<{ permits: number }>(STATEMENTS.others, values)
    return row?.permits ?? null
  }
}

interface TakenRow {
  readonly floor: string | null
  readonly taken: string | null
}

/** The same for a row that is there after all, and for one that is not any more. */
const KNOWN: Readonly<Record<number, number>> = {
  [CODE.newQueue]: CODE.queue,
  [CODE.newShared]: CODE.insistShared,
}
const NEW: Readonly<Record<number, number>> = {
  [CODE.queue]: CODE.newQueue,
  [CODE.insistShared]: CODE.newShared,
}

const STATEMENTS = {
  make: { name: 'lockpool_make_slots', text: MAKE_SLOTS },
  take: { name: 'lockpool_take_slots', text: TAKE_SLOTS },
  own: { name: 'lockpool_own_slots', text: OWN_SLOTS },
  wake: { name: 'lockpool_wake_waiters', text: WAKE_WAITERS },
  others: { name: 'lockpool_other_shapes', text: OTHER_SHAPES },
} as const
