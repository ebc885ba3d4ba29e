import { assert } from '../../base/assert.js'
import { InvalidOptionError, type LockError } from '../../base/errors.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { SemaphoreCode, TakenPermit } from '../../dialect/permit-operation.js'
import { Contended } from '../contention/contended.js'
import type { ContendedHost } from '../contention/contended-host.js'
import type { Machine } from '../contention/machine.js'
import { drawn } from '../handle/drawn-token.js'
import { semaphoreInWords } from '../../dialect/key-words.js'
import type { Lock, LockHost } from '../handle/lock.js'
import { CohortTurn } from '../contention/cohort-turn.js'
import { HeldPermit } from './permit.js'
import { SEMAPHORE_MACHINE, type SemaphoreState } from './semaphore-state.js'

/** One permit that the server has granted to this process. */
interface Slot {
  readonly number: number
  readonly turn: CohortTurn
  holder: HeldPermit | null
  /**
   * Its last holder, which has released it and waits for the confirmation: until another local holder has it, or the
   * server answers.
   */
  releaser: HeldPermit | null
}

/** What a semaphore needs from the rest of the pool, and reports to it. */
export interface SemaphoreHost extends ContendedHost {
  evict(entry: LocalPermits): void
  /** The lock-table entries that permits use changed by this many, or are about to. */
  entriesChanged(by: number): void
  /** Whether it is time to look for processes that use another number of permits. */
  isLookDue(entry: LocalPermits): boolean
  /** The result of that look: an error if there is such a process. */
  looked(entry: LocalPermits, otherPermits: number | null): InvalidOptionError | null
}

/** One semaphore in this process, without the server: the permits that are here, their holders, and the waiters in order. */
export abstract class LocalPermits extends Contended<SemaphoreState, SemaphoreHost> implements LockHost {
  readonly semaphore: SemaphoreCode
  /** A slot is held exclusively. */
  readonly mode: LockMode = 'exclusive'
  /** The permits that stay here, by their numbers. */
  protected readonly slots: Map<number, Slot> = new Map()
  /** The permits here without a holder. */
  readonly #spare: Slot[] = []
  /** The permits whose release is under way. */
  #releasing: readonly Slot[] = []

  constructor(semaphore: SemaphoreCode, label: LockKey, host: SemaphoreHost) {
    super(label, host, SEMAPHORE_MACHINE)
    this.semaphore = semaphore
  }

  protected get machine(): Machine<SemaphoreState> {
    return SEMAPHORE_MACHINE
  }

  get inWords(): string {
    return semaphoreInWords(this.label)
  }

  get permitsHere(): number {
    return this.slots.size
  }

  get spare(): number {
    return this.#spare.length
  }

  get isWaitedFor(): boolean {
    return this.queue.size > 0
  }

  get wanted(): number {
    return Math.min(this.queue.size, this.semaphore.permits - this.slots.size)
  }

  /** Whether waiters here wait for local holders. */
  get isHeld(): boolean {
    return this.slots.size === this.semaphore.permits
  }

  get mayHandOff(): boolean {
    return this.#passable() !== null
  }

  /** Whether a caller that cannot wait can be refused without asking the server. */
  get isBusy(): boolean {
    return this.queue.size > 0 || (this.isHeld && !this.mayHandOff)
  }

  /** The holders of permits. */
  get holders(): HeldPermit[] {
    return [...this.slots.values()].flatMap(({ holder }) => holder ?? [])
  }

  guard(): Promise<void> {
    return Promise.reject(new InvalidOptionError(['a permit has no guard, because it has several holders']))
  }

  release(permit: Lock): boolean {
    const slot = this.slots.get(permit.place)
    assert(slot !== undefined && slot.holder === permit, 'only a holder releases')
    slot.releaser = slot.holder
    slot.holder = null
    this.#spare.push(slot)
    this.touch()
    return slot.releaser !== permit
  }

  protected take(taken: readonly TakenPermit[], now: number, tripMs: number): void {
    for (const { slot: number, token } of taken) {
      assert(!this.slots.has(number), 'a slot that is here is not asked for')
      const slot: Slot = {
        number,
        turn: new CohortTurn(drawn(token), now, tripMs),
        holder: null,
        releaser: null,
      }
      this.slots.set(number, slot)
      this.#spare.push(slot)
    }
  }

  /** Gives one spare permit to the first waiter. */
  protected handOff(): void {
    const slot = this.#passable()
    const waiter = this.queue.first
    if (slot === null || waiter === null) return
    this.#spare.splice(this.#spare.indexOf(slot), 1)
    const { releaser, turn } = slot
    const offset = turn.draw()
    const now = this.now()
    const permit = new HeldPermit(this, turn.token, offset, now)
    permit.label = waiter.purpose
    permit.place = slot.number
    slot.holder = permit
    slot.releaser = null
    if (releaser !== null) this.#confirm(releaser)
    waiter.offer(permit)
    this.host.acquired(permit, waiter, offset > 0, now)
  }

  /** Begins the release of the spare permits. Returns their numbers. */
  protected beginRelease(): number[] {
    this.#releasing = this.#spare.splice(0)
    for (const { number } of this.#releasing) this.slots.delete(number)
    return this.#releasing.map(({ number }) => number)
  }

  /**
   * The spare permits are released, except those that the server had not granted to us: a foreign program has used the
   * session.
   */
  protected releaseConfirmed(missing: readonly number[]): void {
    const slots = this.#releasing
    this.#releasing = []
    for (const { number, releaser } of slots) {
      if (releaser === null) continue
      if (missing.includes(number))
        this.#lose(releaser, 'the server says that it was not held: something else has unlocked it')
      else this.#confirm(releaser)
    }
  }

  /** All permits are lost. Waiting callers keep their place. */
  protected losePermits(reason: string, cause?: Error): void {
    const gone = [...this.slots.values(), ...this.#releasing]
    this.slots.clear()
    this.#spare.length = 0
    this.#releasing = []
    for (const { holder, releaser } of gone) {
      const permit = holder ?? releaser
      if (permit !== null) this.#lose(permit, reason, cause)
    }
    this.keepPlaces()
  }

  /** Refuses the first waiters, at most this many. */
  protected refuse(error: LockError, count: number): void {
    let left = count
    for (const waiter of this.queue) {
      if (left-- <= 0) return
      waiter.refuse(error)
    }
  }

  #passable(): Slot | null {
    const now = this.now()
    return this.#spare.find(({ turn }) => turn.mayContinue(now)) ?? null
  }

  #confirm(permit: HeldPermit): void {
    permit.confirmReleased()
    this.host.released(permit)
  }

  #lose(permit: HeldPermit, reason: string, cause?: Error): void {
    this.host.lost(permit.lose(reason, cause), permit)
  }
}
