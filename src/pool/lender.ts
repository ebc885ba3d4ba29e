import type { Clock } from '../base/clock.js'
import type { Emitter } from '../base/emitter.js'
import type { Origin } from '../base/overdue.js'
import type { GuardedFactory } from './guarded-factory.js'
import type { Lease } from './lease.js'
import type { Loans } from './loans.js'
import type { PoolEvents } from './pool-events.js'
import type { OnWanted } from './slot.js'
import type { Stock } from './stock.js'

/** What of a caller matters for his loan. */
export interface Borrower {
  readonly isReserved: boolean
  readonly onWanted: OnWanted | null
}

export interface LenderPorts<C extends object> {
  readonly factory: GuardedFactory<C>
  readonly stock: Stock<C>
  readonly clock: Clock
  readonly events: Emitter<PoolEvents>
  /** Null unless leaks are looked for. */
  readonly loans: Loans | null
  /** A loan is over, also one that its borrower has forgotten. `isAsked` are those that can be asked back. */
  readonly ended: (isAsked: boolean) => void
}

/** Makes an idle connection into a loan, and a loan into an idle connection again. */
export class Lender<C extends object> {
  readonly #factory: GuardedFactory<C>
  readonly #stock: Stock<C>
  readonly #clock: Clock
  readonly #events: Emitter<PoolEvents>
  readonly #loans: Loans | null
  readonly #ended: (isAsked: boolean) => void
  #count = 0

  constructor({ factory, stock, clock, events, loans, ended }: LenderPorts<C>) {
    this.#factory = factory
    this.#stock = stock
    this.#clock = clock
    this.#events = events
    this.#loans = loans
    this.#ended = ended
  }

  /** Loans so far. */
  get count(): number {
    return this.#count
  }

  /**
   * Lends what the stock would hand out next.
   *
   * @throws {ConnectionError} the factory can't make a loan of it, and it is closed.
   */
  lend(to: Borrower, origin: Origin | null, waitedMs: number): C & Lease {
    const { isReserved, onWanted } = to
    const slot = this.#stock.lend(isReserved, onWanted)
    const lentAt = this.#events.hears('connection:checked-in') ? this.#clock.now() : null
    let isOver = false
    const release = (destroy: boolean | Error = false): void => {
      if (isOver) return
      isOver = true
      this.#ended(isReserved || onWanted !== null)
      if (loan !== null) this.#loans!.end(loan)
      if (lentAt !== null) this.#tellReturned(slot.id, lentAt)
      this.#stock.takeBack(slot, destroy === false ? false : asTold(destroy), origin)
    }
    const loan = origin && (this.#loans?.begin(slot.id, origin, release) ?? null)
    const dispose = (): Promise<void> => {
      release()
      return DONE
    }
    try {
      const lent = this.#factory.lease(slot.connection!, { release, [Symbol.asyncDispose]: dispose })
      // Only the garbage collection of a separate object shows that the borrower cannot check it in any more.
      if (loan !== null && lent !== slot.connection) this.#loans!.lent(lent, loan)
      this.#count++
      if (this.#events.hears('connection:checked-out'))
        this.#events.emit('connection:checked-out', { id: slot.id, waitedMs })
      return lent
    } catch (error) {
      // It had no borrower, so no checkout is over.
      isOver = true
      if (loan !== null) this.#loans!.end(loan)
      this.#stock.takeBack(slot, error as Error, origin)
      throw error
    }
  }

  #tellReturned(id: number, lentAt: number): void {
    this.#events.emit('connection:checked-in', { id, heldMs: this.#clock.now() - lentAt })
  }
}

const DONE = Promise.resolve()

/** Programs also release with null, or with whatever they caught. */
function asTold(destroy: unknown): boolean | Error {
  return destroy instanceof Error ? destroy : Boolean(destroy)
}
