import type { Clock } from '../base/clock.js'
import type { Emitter } from '../base/emitter.js'
import { originInWords, OverdueWatch, type Origin, type Outstanding } from '../base/overdue.js'
import type { PoolEvents } from './pool-events.js'

interface Terms {
  readonly id: number
  readonly since: number
  readonly giveBack: () => void
}

/** One connection that is out, and where it was taken. */
export type Loan = Outstanding<Terms>

/**
 * Finds connections that are not checked in: those that are checked out for too long are reported, and those whose
 * borrower has leaked them are checked in as well. Only with `leakWarningMs`.
 */
export class Loans {
  readonly #clock: Clock
  readonly #events: Emitter<PoolEvents>
  readonly #overdue: OverdueWatch<Terms>
  readonly #forgotten: FinalizationRegistry<Loan>

  constructor(clock: Clock, afterMs: number, events: Emitter<PoolEvents>) {
    this.#clock = clock
    this.#events = events
    this.#overdue = new OverdueWatch(clock, afterMs, (loan) => this.#report('connection:overdue', loan))
    this.#forgotten = new FinalizationRegistry((loan) => {
      this.#report('connection:forgotten', loan)
      loan.what.giveBack()
    })
  }

  /** `giveBack` must not hold what the borrower has, or it would never be found to be forgotten. */
  begin(id: number, origin: Origin, giveBack: () => void): Loan {
    return this.#overdue.begin({ id, since: this.#clock.now(), giveBack }, origin)
  }

  /** The borrower's handle, if it is a separate object: once it is garbage-collected, the connection cannot be checked in any more. */
  lent(lease: object, loan: Loan): void {
    this.#forgotten.register(lease, loan, loan)
  }

  end(loan: Loan): void {
    this.#overdue.end(loan)
    this.#forgotten.unregister(loan)
  }

  close(): void {
    this.#overdue.close()
  }

  #report(event: 'connection:overdue' | 'connection:forgotten', { what: { id, since }, origin }: Loan): void {
    this.#events.emit(event, { id, heldMs: this.#clock.now() - since, where: originInWords(origin) })
  }
}
