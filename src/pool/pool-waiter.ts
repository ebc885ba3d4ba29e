import type { Clock } from '../base/clock.js'
import type { Deadlines } from '../base/deadlines.js'
import { LockTimeoutError } from '../base/errors.js'
import { Fifo } from '../base/fifo.js'
import type { Origin } from '../base/overdue.js'
import { Waiter } from '../base/waiter.js'
import type { Lease } from './lease.js'
import type { OnWanted } from './slot.js'

/** How a connection is asked for. */
export interface ConnectOptions {
  /**
   * How long queueing and opening may take.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
  /** Calls the wait off. The call rejects with `signal.reason`, untouched. */
  readonly signal?: AbortSignal
  /** Whether the reserved connections may be used. Default false. */
  readonly reserved?: boolean
  /**
   * Called when somebody waits in vain, or the connection has grown too old: return true to say that it will come back
   * soon. Default: nobody is asked.
   */
  readonly onWanted?: OnWanted
}

/** One caller who waits for a connection. */
export class PoolWaiter<C> extends Waiter<C & Lease> {
  readonly isReserved: boolean
  readonly onWanted: OnWanted | null
  /** Where it was asked for, if leaks are looked for. */
  origin: Origin | null = null
  readonly #clock: Clock
  #since: number
  readonly #timedOut: () => Error | null
  readonly #line: Fifo<PoolWaiter<C>>

  constructor(
    line: WaitingLine<C>,
    options: ConnectOptions,
    timeoutMs: number,
    deadlines: Deadlines,
    clock: Clock,
    timedOut: () => Error | null,
  ) {
    const now = clock.now()
    super(deadlines, timeoutMs, options.signal, now)
    this.isReserved = options.reserved ?? false
    this.onWanted = options.onWanted ?? null
    this.#clock = clock
    this.#since = now
    this.#timedOut = timedOut
    this.#line = this.isReserved ? line.reserved : line.ordinary
    this.#line.add(this)
  }

  get waitedMs(): number {
    return this.#clock.now() - this.#since
  }

  /** It came before it was a waiter: it was told to look again. */
  cameAt(since: number): void {
    this.#since = since
  }

  protected override outOfTime(): void {
    const cause = this.#timedOut()
    const phase = cause === null ? 'queueing' : 'connecting'
    this.refuse(
      new LockTimeoutError(
        { key: 'a connection', phase, waitedMs: this.waitedMs },
        cause === null ? {} : { cause },
      ),
    )
  }

  protected override left(): void {
    this.#line.remove(this)
  }
}

/** Everyone who waits: first come, first served, but whoever may use the reserved connections goes before the others. */
export class WaitingLine<C> {
  readonly reserved: Fifo<PoolWaiter<C>> = new Fifo()
  readonly ordinary: Fifo<PoolWaiter<C>> = new Fifo()

  get size(): number {
    return this.reserved.size + this.ordinary.size
  }

  /** Who is next, if at most `ordinaryRoom` more ordinary callers may be served. */
  next(ordinaryRoom: number): PoolWaiter<C> | null {
    return this.reserved.first ?? (ordinaryRoom > 0 ? this.ordinary.first : null)
  }

  /** How many could be served if there were connections enough. */
  servable(ordinaryRoom: number): number {
    return this.reserved.size + Math.min(this.ordinary.size, ordinaryRoom)
  }

  refuseAll(reason: unknown): void {
    for (const waiter of this.reserved) waiter.refuse(reason)
    for (const waiter of this.ordinary) waiter.refuse(reason)
  }
}
