import type { Clock } from '../base/clock.js'
import type { Emitter } from '../base/emitter.js'
import { originInWords, OverdueWatch, type Origin, type Outstanding } from '../base/overdue.js'
import type { PoolEvents } from './pool-events.js'

interface Terms {
  readonly id: number
  readonly since: number
  readonly checkIn: () => void
}

/** One connection that is out, and where it was taken. */
export type Checkout = Outstanding<Terms>

/**
 * Finds connections that are not checked in: those that are checked out for too long are reported, and those whose
 * borrower has leaked them are checked in as well. Only with `leakWarningMs`.
 */
export class Checkouts {
  readonly #clock: Clock
  readonly #events: Emitter<PoolEvents>
  readonly #overdue: OverdueWatch<Terms>
  readonly #forgotten: FinalizationRegistry<Checkout>

  constructor(clock: Clock, afterMs: number, events: Emitter<PoolEvents>) {
    this.#clock = clock
    this.#events = events
    this.#overdue = new OverdueWatch(clock, afterMs, (checkout) =>
      this.#report('connection:overdue', checkout),
    )
    this.#forgotten = new FinalizationRegistry((checkout) => {
      this.#report('connection:forgotten', checkout)
      checkout.what.checkIn()
    })
  }

  /**
   * `checkIn` must not refer to the borrower's handle: then the handle would never be garbage-collected, and no leak found.
   */
  begin(id: number, origin: Origin, checkIn: () => void): Checkout {
    return this.#overdue.begin({ id, since: this.#clock.now(), checkIn }, origin)
  }

  /** The borrower's handle, if it is a separate object: once it is garbage-collected, the connection cannot be checked in any more. */
  checkedOut(lease: object, checkout: Checkout): void {
    this.#forgotten.register(lease, checkout, checkout)
  }

  end(checkout: Checkout): void {
    this.#overdue.end(checkout)
    this.#forgotten.unregister(checkout)
  }

  close(): void {
    this.#overdue.close()
  }

  #report(
    event: 'connection:overdue' | 'connection:forgotten',
    { what: { id, since }, origin }: Checkout,
  ): void {
    this.#events.emit(event, { id, heldMs: this.#clock.now() - since, where: originInWords(origin) })
  }
}
