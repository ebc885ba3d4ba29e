import type { PermitOperation, PermitReply, TakenPermit } from '../permit-operation.js'
import type { RowBatches } from './row-batches.js'
import type { HeldRows } from './held-rows.js'
import type { KnownRows } from './known-rows.js'
import type { Member } from './member.js'
import { CODE, type RowRequest } from './operations.js'
import type { RowKey, RowSemaphore } from './row-key.js'
import { OutcomeUnknown } from './statement-runner.js'
import type { Waits } from './waits.js'

type Done = Omit<PermitReply, 'otherPermits'>

/** The permits of one member for semaphores. A slot is a row with an owner; another row is for the waiters. */
export class RowPermits {
  readonly #member: Member
  readonly #batches: RowBatches
  readonly #known: KnownRows
  readonly #held: HeldRows
  readonly #waits: Waits
  readonly #hasTokens: boolean

  constructor(
    member: Member,
    batches: RowBatches,
    known: KnownRows,
    held: HeldRows,
    waits: Waits,
    hasTokens: boolean,
  ) {
    this.#member = member
    this.#batches = batches
    this.#known = known
    this.#held = held
    this.#waits = waits
    this.#hasTokens = hasTokens
  }

  async carryOut(operation: PermitOperation): Promise<PermitReply> {
    const done = await this.#do(operation)
    // The check runs after the operation: if two processes come at once, the later check sees the other process.
    return { ...done, otherPermits: operation.looks ? await this.#others(operation) : null }
  }

  /** All rows that an operation may have changed. */
  keysOf({ semaphore }: PermitOperation): RowKey[] {
    const { key, shape, permits, slot } = semaphore as RowSemaphore
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
    const { shape } = operation.semaphore as RowSemaphore
    if (operation.enters) await this.#ask([this.#enter(shape)])
    const taken = await this.#takeSlots(operation)
    if (operation.enters && taken.length === 0) await this.#ask([this.#exit(shape)])
    return { taken, said: 'done', missing: [] }
  }

  /**
   * Adds the member to the waiters before it checks the slots: either it sees the released slot, or the releasing
   * process sees it.
   */
  async #takeOrWait(operation: PermitOperation): Promise<Done> {
    const { key, shape } = operation.semaphore as RowSemaphore
    const first = operation.kind === 'wait' || this.#waits.of(key.id) === undefined
    const requests = first ? [this.#requests(key, this.#known.has(key) ? CODE.queue : CODE.newQueue)] : []
    if (operation.enters) requests.push(this.#enter(shape))
    if (requests.length > 0) await this.#ask(requests)
    const taken = await this.#takeSlots(operation)
    if (taken.length < operation.atMost) {
      this.#waits.add({
        key,
        mode: 'exclusive',
        memberId: String(this.#member.id),
        isSemaphore: true,
        since: null,
        before: null,
      })
      return { taken, said: 'waiting', missing: [] }
    }
    await this.#ask([this.#requests(key, CODE.leave)])
    this.#waits.remove(key)
    return { taken, said: 'done', missing: [] }
  }

  async #leave({ semaphore, exits }: PermitOperation): Promise<Done> {
    const { key, shape } = semaphore as RowSemaphore
    this.#waits.remove(key)
    await this.#ask([this.#requests(key, CODE.leave), ...(exits ? [this.#exit(shape)] : [])])
    return { taken: [], said: 'done', missing: [] }
  }

  async #release({ semaphore, slots, exits }: PermitOperation): Promise<Done> {
    const { key, shape, slot } = semaphore as RowSemaphore
    const keys = slots.map((number) => slot(number))
    const requests = keys.map((each) =>
      this.#requests(each, CODE.releaseExclusive, this.#held.get(each)?.token ?? -1n),
    )
    const results = await this.#batches.ask(exits ? [...requests, this.#exit(shape)] : requests)
    for (const each of keys) this.#held.delete(each)
    if (exits) this.#held.delete(shape)
    const woken = await this.#member.store.wake(key.bits, this.#member.id, slots.length)
    const missing = slots.filter((_, i) => results[i] === null)
    return { taken: [], said: woken > 0 ? 'wanted' : 'done', missing }
  }

  #enter(shape: RowKey): RowRequest {
    this.#held.set(shape, 'shared', 0n)
    return this.#requests(shape, this.#known.has(shape) ? CODE.insistShared : CODE.newShared)
  }

  #exit(shape: RowKey): RowRequest {
    this.#held.delete(shape)
    return this.#requests(shape, CODE.releaseShared)
  }

  #requests(key: RowKey, code: number, token = 0n): RowRequest {
    const mode = code === CODE.insistShared || code === CODE.newShared ? 'shared' : 'exclusive'
    return { operation: { kind: 'wait', mode, key }, code, token }
  }

  /** A row that should be new may exist already, or a known row may have been removed. */
  async #ask(requests: readonly RowRequest[]): Promise<void> {
    const results = await this.#batches.ask(requests)
    const again: RowRequest[] = []
    for (const [i, each] of requests.entries()) {
      const isKnown = this.#known.has(each.operation.key)
      if (results[i] !== null) continue
      if (each.code > CODE.look) again.push({ ...each, code: KNOWN[each.code]! })
      else if (!isKnown && NEW[each.code] !== undefined) again.push({ ...each, code: NEW[each.code]! })
    }
    if (again.length > 0) await this.#batches.ask(again)
  }

  async #takeSlots(operation: PermitOperation): Promise<readonly TakenPermit[]> {
    const { slot, permits } = operation.semaphore as RowSemaphore
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
      // If rows were removed in the meantime, some of these slots may have been among them.
      isSure = found !== null || floor === this.#known.floor
    }
    const taken = (found === null ? [] : found.split(' ')).map((each) => {
      const [bits, token] = each.split(':') as [string, string]
      const number = numberOf.get(bits)!
      const key = slot(number)
      this.#held.set(key, 'exclusive', BigInt(token))
      return { slot: number, token: this.#hasTokens ? token : null }
    })
    // In the order in which the slots were tried.
    const placeOf = (number: number): number => (number - operation.from + permits) % permits
    return taken.toSorted((a, b) => placeOf(a.slot) - placeOf(b.slot))
  }

  async #takeRows(keys: readonly string[], atMost: number): Promise<string | null> {
    const member = this.#member
    for (;;) {
      try {
        const { floor, taken } = await member.store.takeSlots(keys, atMost, member.asking)
        if (floor !== null) {
          this.#known.isCurrent(floor)
          return taken
        }
        await member.lookAgain()
      } catch (error) {
        if (!(error instanceof OutcomeUnknown)) throw error
        await member.raiseEpoch()
        const own = await this.#ownRows(keys)
        if (own !== null) return own
      }
    }
  }

  async #ownRows(keys: readonly string[]): Promise<string | null> {
    const member = this.#member
    for (;;) {
      const { floor, taken } = await member.store.ownSlots(keys, member.asking)
      if (floor !== null) return taken
      await member.lookAgain()
    }
  }

  async #makeSlots({ semaphore }: PermitOperation): Promise<void> {
    const { key, permits, slot } = semaphore as RowSemaphore
    const member = this.#member
    const all = `${key.id} ${permits}`
    while (!this.#known.hasSlotsOf(all)) {
      const bits = Array.from({ length: permits }, (_, i) => slot(i).bits)
      const floor = await member.store.makeSlots(bits, member.asking)
      if (floor === null) await member.lookAgain()
      else if (this.#known.isCurrent(floor)) this.#known.addSlotsOf(all)
    }
  }

  #others({ semaphore }: PermitOperation): Promise<number | null> {
    return this.#member.store.otherPermits(semaphore as RowSemaphore, this.#member.dead)
  }
}

/** The code for a row that exists after all, and for a row that no longer exists. */
const KNOWN: Readonly<Record<number, number>> = {
  [CODE.newQueue]: CODE.queue,
  [CODE.newShared]: CODE.insistShared,
}
const NEW: Readonly<Record<number, number>> = {
  [CODE.queue]: CODE.newQueue,
  [CODE.insistShared]: CODE.newShared,
}
