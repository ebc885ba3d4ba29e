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
  /** Longer than any idling, where there is no check to be made. */
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

  /** The one to hand out next, still in its place. */
  peek(): Slot<C> | undefined {
    return this.#slots.at(-1)
  }

  /** Of what `peek` showed. One that has just come back is fit, and costs no look at the clock. */
  fitness(slot: Slot<C>): Fitness {
    const { idleSince, endsAt } = slot
    if (idleSince === Infinity) return 'fit'
    // After a stall the timer that would have closed it has not run yet, so only the clock knows.
    const now = this.#clock.now()
    if (endsAt <= now) return 'expired'
    return now - idleSince > this.#checkAfterIdleMs ? 'unchecked' : 'fit'
  }

  /** It has not idled yet: a caller may be waiting for it. */
  put(slot: Slot<C>): void {
    slot.idleSince = Infinity
    this.#slots.push(slot)
  }

  /** No caller has been waiting for it. */
  rests(slot: Slot<C>): void {
    slot.idleSince = this.#clock.now()
    if (this.#letsExit) this.#factory.keepProcess(slot.connection!, false)
  }

  /** Takes what `peek` showed. */
  take(): Slot<C> {
    const slot = this.#slots.pop()!
    if (this.#letsExit) this.#factory.keepProcess(slot.connection!, true)
    return slot
  }

  /** Takes these, as far as they are there. */
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
