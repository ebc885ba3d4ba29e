import type { Clock } from '../base/clock.js'
import type { Deadlines } from '../base/deadlines.js'
import { Fifo } from '../base/fifo.js'
import type { Origin } from '../base/overdue.js'
import { Waiter } from '../base/waiter.js'
import type { ConnectRequest } from './connect-request.js'
import type { Borrower } from './checkout-desk.js'
import type { Lease } from './lease.js'
import type { OnWanted } from './slot.js'

/** One caller who waits for a connection. */
export class PoolWaiter<C> extends Waiter<C & Lease> implements Borrower {
  readonly isReserved: boolean
  readonly onWanted: OnWanted | null
  /** Whether it has no time for a connection to be checked. */
  readonly triesOnce: boolean
  /** The stack of `connect`, if the pool looks for leaks. */
  origin: Origin | null = null
  readonly #clock: Clock
  #since: number
  readonly #timedOut: (waitedMs: number) => Error
  readonly #queue: Fifo<PoolWaiter<C>>

  constructor(
    queue: WaiterQueue<C>,
    { timeoutMs, signal, isReserved, onWanted }: ConnectRequest,
    deadlines: Deadlines,
    clock: Clock,
    timedOut: (waitedMs: number) => Error,
  ) {
    const now = clock.now()
    super(deadlines, timeoutMs, signal, now)
    this.isReserved = isReserved
    this.onWanted = onWanted
    this.triesOnce = timeoutMs === 0
    this.#clock = clock
    this.#since = now
    this.#timedOut = timedOut
    this.#queue = this.isReserved ? queue.reserved : queue.ordinary
    this.#queue.add(this)
  }

  get waitedMs(): number {
    return this.#clock.now() - this.#since
  }

  /** Sets when the caller came, if it retried before it became a waiter. */
  cameAt(since: number): void {
    this.#since = since
  }

  protected override outOfTime(): void {
    this.refuse(this.#timedOut(this.waitedMs))
  }

  protected override gone(): void {
    this.#queue.remove(this)
  }
}

/** All waiters: first come, first served, but callers that may use the reserved connections go first. */
export class WaiterQueue<C> {
  readonly reserved: Fifo<PoolWaiter<C>> = new Fifo()
  readonly ordinary: Fifo<PoolWaiter<C>> = new Fifo()

  get size(): number {
    return this.reserved.size + this.ordinary.size
  }

  /** The next caller, if at most `ordinaryRoom` more ordinary callers may be served. */
  next(ordinaryRoom: number): PoolWaiter<C> | null {
    return this.reserved.first ?? (ordinaryRoom > 0 ? this.ordinary.first : null)
  }

  /** How many callers could be served if there were enough connections. */
  servable(ordinaryRoom: number): number {
    return this.reserved.size + Math.min(this.ordinary.size, ordinaryRoom)
  }

  refuseAll(reason: unknown): void {
    for (const waiter of this.reserved) waiter.refuse(reason)
    for (const waiter of this.ordinary) waiter.refuse(reason)
  }
}
