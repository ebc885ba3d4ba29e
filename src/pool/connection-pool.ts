import { sleep, systemClock, type Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { Deferred } from '../base/deferred.js'
import { Emitter, type Listener } from '../base/emitter.js'
import {
  InvalidOptionError,
  LockTimeoutError,
  PoolClosedError,
  PoolExhaustedError,
  PoolSaturatedError,
  type LockError,
} from '../base/errors.js'
import { resolveOptions, show } from '../base/options.js'
import { originOf, type Origin } from '../base/overdue.js'
import { systemRandom, type Random } from '../base/random.js'
import type { ConnectionFactory } from './connection-factory.js'
import { attachLease, type Lease } from './lease.js'
import { Loans } from './loans.js'
import type { PoolCounts, PoolEvents } from './pool-events.js'
import { POOL_OPTIONS, poolOptionConflicts, type PoolOptions } from './pool-options.js'
import { PoolWaiter, WaitingLine, type ConnectOptions } from './pool-waiter.js'
import type { OnWanted } from './slot.js'
import { Stock } from './stock.js'

/** Time and chance, for tests that must not depend on either. */
export interface PoolPorts {
  /** Default: the real ones. */
  readonly clock?: Clock
  /** Default: true chance. */
  readonly random?: Random
}

/**
 * A pool of connections that knows nothing of what they are for: never more than `max`, handed out in order, taken back
 * only when clean. Callers and connections meet in one place, `#serve`.
 */
export class ConnectionPool<C extends object> implements AsyncDisposable {
  readonly #factory: ConnectionFactory<C>
  readonly #options: Required<PoolOptions>
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #events = new Emitter<PoolEvents>()
  readonly #line = new WaitingLine<C>()
  readonly #stock: Stock<C>
  /** Null unless leaks are looked for. */
  readonly #loans: Loans | null
  #leases = 0
  #timeouts = 0
  #readiness: Deferred<void> | null = null
  #isClosed = false

  /** Told by a waiter whose time is up, and answers why there was no connection, if opening them fails. */
  readonly #timedOut = (): LockError | null => {
    this.#timeouts++
    return this.#stock.lastError
  }

  /**
   * @throws {InvalidOptionError} naming every unknown or wrong option.
   */
  constructor(factory: ConnectionFactory<C>, options: PoolOptions = {}, ports: PoolPorts = {}) {
    this.#options = resolveOptions(options, POOL_OPTIONS)
    const conflicts = poolOptionConflicts(this.#options)
    if (conflicts.length > 0) throw new InvalidOptionError(conflicts)
    this.#factory = factory
    this.#clock = ports.clock ?? systemClock
    this.#deadlines = new Deadlines(this.#clock)
    const random = ports.random ?? systemRandom
    this.#stock = new Stock(factory, this.#options, { clock: this.#clock, random }, this.#events, {
      changed: () => this.#serve(),
      openFailed: (error, isLast) => this.#openFailed(error, isLast),
      ended: (connection, error) => this.connectionEnded(connection, error),
      gone: (connection) => this.connectionGone(connection),
    })
    const { leakWarningMs } = this.#options
    this.#loans = leakWarningMs > 0 ? new Loans(this.#clock, leakWarningMs, this.#events) : null
    if (this.#options.openAtStart) this.#serve()
  }

  /** Connections that exist, counting those opening and closing. Never more than `max`. */
  get totalCount(): number {
    return this.#stock.total
  }

  /** Connections that nobody has. */
  get idleCount(): number {
    return this.#stock.idle
  }

  /** Callers in the queue. */
  get waitingCount(): number {
    return this.#line.size
  }

  /** Connections that somebody has. */
  get leasedCount(): number {
    return this.#stock.leased
  }

  /** Borrowed ones that have grown too old: they are closed when they come back. */
  get expiredCount(): number {
    return this.#stock.old
  }

  /** Whether it hands out no more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** All of it at once, as plain numbers. */
  counts(): PoolCounts {
    return {
      total: this.totalCount,
      idle: this.idleCount,
      leased: this.leasedCount,
      waiting: this.waitingCount,
      ...this.#stock.counts(),
      leases: this.#leases,
      timeouts: this.#timeouts,
    }
  }

  /** Listens to what happens in this pool. Listeners are called at once; one that throws can't hurt the pool. */
  on<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this {
    this.#events.on(event, listener)
    return this
  }

  /** Listens no more. */
  off<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this {
    this.#events.off(event, listener)
    return this
  }

  /**
   * Opens `min` connections and resolves when they are open. Idempotent.
   *
   * @throws {ConnectionError} if the server can't be reached; calling again tries again.
   */
  ready(): Promise<this> {
    if (this.#isClosed) return Promise.reject(new PoolClosedError())
    if (this.#stock.live >= this.#options.min) return Promise.resolve(this)
    const readiness = (this.#readiness ??= new Deferred()).promise.then(() => this)
    this.#serve()
    return readiness
  }

  /**
   * A connection, for as long as the caller likes. Give it back with `release()`, or take it with `await using`.
   *
   * @throws {LockTimeoutError} not in time
   * @throws {PoolExhaustedError} none free, and told not to wait
   * @throws {PoolSaturatedError} too many wait
   * @throws {PoolClosedError} the pool is closed
   * @throws {ConnectionError} the server can't be reached, and no connection is left
   * @throws {InvalidOptionError}
   */
  connect(options: ConnectOptions = {}): Promise<C & Lease> {
    if (this.#isClosed) return Promise.reject(new PoolClosedError())
    if (options.signal?.aborted) return Promise.reject(options.signal.reason)
    const timeoutMs = options.timeoutMs ?? this.#options.acquireTimeoutMs
    const problem = POOL_OPTIONS.acquireTimeoutMs.problem(timeoutMs)
    if (problem !== null)
      return Promise.reject(new InvalidOptionError([`"timeoutMs" ${problem}, got ${show(timeoutMs)}`]))

    const isReserved = options.reserved ?? false
    const isAccounted = isReserved || options.onWanted !== undefined
    const origin = isAccounted || !this.#asksForOrigins() ? null : originOf(this, 'connect')
    if (this.#line.size === 0 && (isReserved || this.#ordinaryRoom() > 0)) {
      const slot = this.#stock.peek()
      if (slot !== undefined && !this.#stock.needsCheck(slot)) {
        return Promise.resolve(this.#lend(isReserved, options.onWanted ?? null, origin, null))
      }
    }
    const { onExhausted } = this.#options
    if (onExhausted === 'wait' || !this.#isExhausted(isReserved))
      return this.#wait(options, timeoutMs, origin)
    return onExhausted === 'fail'
      ? Promise.reject(this.#exhausted())
      : this.#retry(options, timeoutMs, onExhausted.retry, origin)
  }

  /**
   * Runs `body` with a connection that goes back when it is done, however that is.
   *
   * @throws as `connect`, and whatever the body throws
   */
  async use<T>(body: (connection: C & Lease) => T | Promise<T>, options?: ConnectOptions): Promise<T> {
    const connection = await this.connect(options)
    try {
      return await body(connection)
    } finally {
      connection.release()
    }
  }

  /** Hands out no more, refuses those who wait, and resolves when every borrower is done and every connection closed. */
  drain(): Promise<void> {
    this.#isClosed = true
    this.#line.refuseAll(new PoolClosedError())
    this.#readiness?.reject(new PoolClosedError())
    this.#readiness = null
    return this.#stock.end()
  }

  /** As `drain`, but what is still borrowed after `graceMs` (default 5000) is closed under its borrower. Always settles. */
  async close({ graceMs = 5000 }: { graceMs?: number } = {}): Promise<void> {
    const cancel = this.#clock.after(graceMs, () => this.#stock.cutOff())
    await this.drain()
    cancel()
    this.#loans?.close()
    try {
      await this.#factory.settled?.()
    } catch {
      // It is closed all the same.
    }
  }

  /** As `close`: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** For pools that can more: it has ended by itself. */
  protected connectionEnded(_connection: C, _error: Error): void {}

  /** For pools that can more: it is gone, however it ended. */
  protected connectionGone(_connection: C): void {}

  /** For pools that can more: a loan is over, also one that its borrower has forgotten. `isAsked` are those that can be asked back. */
  protected loanEnded(_isAsked: boolean): void {}

  /** `since` is when the caller came, if that was before now. */
  #wait(
    options: ConnectOptions,
    timeoutMs: number,
    origin: Origin | null,
    since?: number,
  ): Promise<C & Lease> {
    if (this.#line.size >= this.#options.maxWaiting) {
      return Promise.reject(new PoolSaturatedError(this.#options.maxWaiting))
    }
    if (this.#stock.isDown) {
      this.#stock.probeLater()
      return Promise.reject(this.#stock.lastError!)
    }
    const waiter = new PoolWaiter<C>(
      this.#line,
      options,
      timeoutMs,
      this.#deadlines,
      this.#clock,
      this.#timedOut,
    )
    waiter.origin = origin
    if (since !== undefined) waiter.cameAt(since)
    this.#serve()
    if (!waiter.hasLeft) this.#askBack(waiter)
    return waiter.promise
  }

  async #retry(
    options: ConnectOptions,
    timeoutMs: number,
    { attempts, backoffMs }: { readonly attempts: number; readonly backoffMs: number },
    origin: Origin | null,
  ): Promise<C & Lease> {
    const since = this.#clock.now()
    for (let attempt = 0; attempt < attempts; attempt++) {
      const leftMs = timeoutMs - (this.#clock.now() - since)
      await sleep(this.#clock, Math.min(backoffMs, leftMs), options.signal)
      options.signal?.throwIfAborted()
      if (this.#isClosed) throw new PoolClosedError()
      const waitedMs = this.#clock.now() - since
      if (waitedMs >= timeoutMs)
        throw new LockTimeoutError({ key: 'a connection', phase: 'queueing', waitedMs })
      if (!this.#isExhausted(options.reserved ?? false))
        return this.#wait(options, Math.ceil(timeoutMs - waitedMs), origin, since)
    }
    throw this.#exhausted()
  }

  /** Whether a caller who came now would have to wait for another to give something back. */
  #isExhausted(isReserved: boolean): boolean {
    const room = this.#ordinaryRoom()
    if (!isReserved && room <= this.#line.ordinary.size) return true
    const free = this.#options.max - this.#stock.total
    return this.#stock.coming + free <= this.#line.servable(room)
  }

  #exhausted(): PoolExhaustedError {
    return new PoolExhaustedError(
      `no connection is free: ${this.#stock.leased} of at most ${this.#options.max} are borrowed`,
    )
  }

  /** Gives what is idle to who waits, in order, then opens for the rest. */
  #serve(): void {
    if (this.#isClosed) return
    for (let waiter = this.#next(); waiter !== null; waiter = this.#next()) {
      const slot = this.#stock.peek()
      if (slot === undefined) break
      if (this.#stock.needsCheck(slot)) {
        // One check for each who waits, not one for each connection that needs it.
        if (this.#stock.checking >= this.#line.servable(this.#ordinaryRoom())) break
        this.#stock.checkNext()
      } else waiter.offer(this.#lend(waiter.isReserved, waiter.onWanted, waiter.origin, waiter))
    }
    this.#stock.open(this.#line.servable(this.#ordinaryRoom()))
    if (this.#readiness !== null && this.#stock.live >= this.#options.min) {
      this.#readiness.resolve()
      this.#readiness = null
    }
  }

  #next(): PoolWaiter<C> | null {
    return this.#line.next(this.#ordinaryRoom())
  }

  /** For a caller who would wait in vain: asks those who can spare a connection that would help. */
  #askBack(waiter: PoolWaiter<C>): void {
    const room = this.#ordinaryRoom()
    if (!waiter.isReserved && room <= 0) this.#stock.askBack((slot) => !slot.isReserved)
    else if (this.#stock.coming < this.#line.servable(room)) this.#stock.askBack(() => true)
  }

  /** How many more ordinary callers may have a connection. */
  #ordinaryRoom(): number {
    return this.#options.max - this.#options.reserved - this.#stock.ordinaryLeased
  }

  #lend(
    isReserved: boolean,
    onWanted: OnWanted | null,
    origin: Origin | null,
    waiter: PoolWaiter<C> | null,
  ): C & Lease {
    const slot = this.#stock.lend(isReserved, onWanted)
    this.#leases++
    if (this.#events.hears('connection:lent')) this.#tellLent(slot.id, waiter)
    const lentAt = this.#events.hears('connection:returned') ? this.#clock.now() : null
    let isOver = false
    const release = (destroy: boolean | Error = false): void => {
      if (isOver) return
      isOver = true
      this.loanEnded(isReserved || onWanted !== null)
      if (loan !== null) this.#loans!.end(loan)
      if (lentAt !== null) this.#tellReturned(slot.id, lentAt)
      this.#stock.takeBack(slot, destroy, origin)
    }
    const loan = origin && (this.#loans?.begin(slot.id, origin, release) ?? null)
    const dispose = (): Promise<void> => {
      release()
      return DONE
    }
    const lease: Lease = { release, [Symbol.asyncDispose]: dispose }
    const connection = slot.connection!
    if (this.#factory.lease === undefined) return attachLease(connection, lease)
    const lent = this.#factory.lease(connection, lease)
    if (loan !== null) this.#loans!.lent(lent, loan)
    return lent
  }

  #tellLent(id: number, waiter: PoolWaiter<C> | null): void {
    this.#events.emit('connection:lent', { id, waitedMs: waiter?.waitedMs ?? 0 })
  }

  #tellReturned(id: number, lentAt: number): void {
    this.#events.emit('connection:returned', { id, heldMs: this.#clock.now() - lentAt })
  }

  /** A stack costs microseconds, so it is taken only where it may be told. */
  #asksForOrigins(): boolean {
    return this.#loans !== null || this.#events.hears('connection:cleaned')
  }

  #openFailed(error: LockError, isLast: boolean): void {
    if (!isLast) return
    this.#readiness?.reject(error)
    this.#readiness = null
    // With nothing left that could come back, those who wait are told the cause; otherwise they keep their turn.
    if (this.#stock.live === 0) this.#line.refuseAll(error)
    else if (this.#line.size > 0) this.#stock.probeLater()
  }
}

const DONE = Promise.resolve()
