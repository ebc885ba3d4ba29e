import type { Clock } from '../base/clock.js'
import type { Emitter } from '../base/emitter.js'
import type { Origin } from '../base/overdue.js'
import type { GuardedFactory } from './guarded-factory.js'
import type { Lease } from './lease.js'
import type { Checkouts } from './checkouts.js'
import type { PoolEvents } from './pool-events.js'
import type { OnWanted } from './slot.js'
import type { Slots } from './slots.js'

/** The properties of a caller that matter for its checkout. */
export interface Borrower {
  readonly isReserved: boolean
  readonly onWanted: OnWanted | null
}

export interface CheckoutDeskHost<C extends object> {
  readonly factory: GuardedFactory<C>
  readonly slots: Slots<C>
  readonly clock: Clock
  readonly events: Emitter<PoolEvents>
  /** Null unless leaks are looked for. */
  readonly checkouts: Checkouts | null
  /** Called when a checkout is over, also one that its borrower leaked. `isAsked`: it was reserved, or had `onWanted`. */
  readonly ended: (isAsked: boolean) => void
}

/** Makes an idle connection into a checkout, and a checkout into an idle connection again. */
export class CheckoutDesk<C extends object> {
  readonly #factory: GuardedFactory<C>
  readonly #slots: Slots<C>
  readonly #clock: Clock
  readonly #events: Emitter<PoolEvents>
  readonly #checkouts: Checkouts | null
  readonly #ended: (isAsked: boolean) => void
  #count = 0

  constructor({ factory, slots, clock, events, checkouts, ended }: CheckoutDeskHost<C>) {
    this.#factory = factory
    this.#slots = slots
    this.#clock = clock
    this.#events = events
    this.#checkouts = checkouts
    this.#ended = ended
  }

  /** Checkouts so far. */
  get count(): number {
    return this.#count
  }

  /**
   * Checks out the next slot.
   *
   * @throws {ConnectionError} the factory can't make a checkout of the connection, and it is closed
   */
  checkOut(to: Borrower, origin: Origin | null, waitedMs: number): C & Lease {
    const { isReserved, onWanted } = to
    const slot = this.#slots.checkOut(isReserved, onWanted)
    const checkedOutAt = this.#events.hasListener('connection:checked-in') ? this.#clock.now() : null
    let isOver = false
    const release = (destroy: boolean | Error = false): void => {
      if (isOver) return
      isOver = true
      this.#ended(isReserved || onWanted !== null)
      if (checkout !== null) this.#checkouts!.end(checkout)
      if (checkedOutAt !== null) this.#emitCheckedIn(slot.id, checkedOutAt)
      this.#slots.checkIn(slot, destroy === false ? false : releaseArgument(destroy), origin)
    }
    const checkout = origin && (this.#checkouts?.begin(slot.id, origin, release) ?? null)
    const dispose = (): Promise<void> => {
      release()
      return DONE
    }
    try {
      const connection = this.#factory.lease(slot.connection!, { release, [Symbol.asyncDispose]: dispose })
      // Only the garbage collection of a separate object shows that the borrower cannot check it in any more.
      if (checkout !== null && connection !== slot.connection)
        this.#checkouts!.checkedOut(connection, checkout)
      this.#count++
      if (this.#events.hasListener('connection:checked-out'))
        this.#events.emit('connection:checked-out', { id: slot.id, waitedMs })
      return connection
    } catch (error) {
      // No borrower got the connection, so `ended` must not be called.
      isOver = true
      if (checkout !== null) this.#checkouts!.end(checkout)
      this.#slots.checkIn(slot, error as Error, origin)
      throw error
    }
  }

  #emitCheckedIn(id: number, checkedOutAt: number): void {
    this.#events.emit('connection:checked-in', { id, heldMs: this.#clock.now() - checkedOutAt })
  }
}

const DONE = Promise.resolve()

/** Programs also pass null, or whatever they caught. */
function releaseArgument(destroy: unknown): boolean | Error {
  return destroy instanceof Error ? destroy : Boolean(destroy)
}
