import type { Clock } from '../base/clock.js'
import type { GuardedFactory } from './guarded-factory.js'
import type { Slot } from './slot.js'

/** Whether a connection can be checked out as it is, must be tested first, or has lived too long. */
export type Fitness = 'fit' | 'unchecked' | 'expired'

export interface IdleRules {
  readonly checkAfterIdleMs: number
  readonly allowExitOnIdle: boolean
}

/**
 * The idle connections, the most recently used last: that one is handed out first, so that those not needed can idle away.
 */
export class IdleSlots<C extends object> {
  readonly #factory: GuardedFactory<C>
  /** Infinity if the factory has no `check`. */
  readonly #checkAfterIdleMs: number
  readonly #letsExit: boolean
  readonly #clock: Clock
  readonly #slots: Slot<C>[] = []

  constructor(factory: GuardedFactory<C>, rules: IdleRules, clock: Clock) {
    this.#factory = factory
    this.#checkAfterIdleMs = factory.checks ? rules.checkAfterIdleMs : Infinity
    this.#letsExit = rules.allowExitOnIdle
    this.#clock = clock
  }

  get size(): number {
    return this.#slots.length
  }

  /** The least recently used first. */
  get slots(): readonly Slot<C>[] {
    return this.#slots
  }

  /** The slot to hand out next. It stays in its place. */
  peek(): Slot<C> | undefined {
    return this.#slots.at(-1)
  }

  /** The fitness of the slot that `peek` returned. A slot that has just been checked in is fit, without a look at the clock. */
  fitness(slot: Slot<C>): Fitness {
    const { idleSince, endsAt } = slot
    if (idleSince === Infinity) return 'fit'
    // After a stall the timer that would have closed it has not run yet, so only the clock knows.
    const now = this.#clock.now()
    if (endsAt <= now) return 'expired'
    return now - idleSince > this.#checkAfterIdleMs ? 'unchecked' : 'fit'
  }

  /** Adds a slot that is not idle yet: a caller may be waiting for it. */
  put(slot: Slot<C>): void {
    slot.idleSince = Infinity
    this.#slots.push(slot)
  }

  /** No caller was waiting for it: it is idle from now on. */
  rests(slot: Slot<C>): void {
    slot.idleSince = this.#clock.now()
    if (this.#letsExit) this.#factory.setKeepsProcess(slot.connection!, false)
  }

  /** Takes the slot that `peek` returned. */
  take(): Slot<C> {
    const slot = this.#slots.pop()!
    if (this.#letsExit) this.#factory.setKeepsProcess(slot.connection!, true)
    return slot
  }

  /** Removes these slots, if they are here. */
  takeOut(slots: readonly Slot<C>[]): void {
    for (const slot of slots) {
      const at = this.#slots.indexOf(slot)
      if (at >= 0) this.#slots.splice(at, 1)
    }
  }

  takeAll(): Slot<C>[] {
    return this.#slots.splice(0)
  }
}
