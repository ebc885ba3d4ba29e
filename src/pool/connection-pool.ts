import { throwIfAborted } from '../base/abort-signal.js'
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
import { resolveOptions } from '../base/options.js'
import { originOf, type Origin } from '../base/overdue.js'
import { systemRandom, type Random } from '../base/random.js'
import { graceOf, type CloseOptions } from './close-options.js'
import { connectRequest, type ConnectOptions, type ConnectRequest } from './connect-request.js'
import type { ConnectionFactory } from './connection-factory.js'
import { GuardedFactory } from './guarded-factory.js'
import type { Lease } from './lease.js'
import { CheckoutDesk } from './checkout-desk.js'
import { Checkouts } from './checkouts.js'
import { RetryWaits } from './retry-waits.js'
import type { PoolCounts, PoolEvents } from './pool-events.js'
import { POOL_OPTIONS, poolOptionConflicts, type PoolOptions } from './pool-options.js'
import { PoolWaiter, WaiterQueue } from './pool-waiter.js'
import { Slots } from './slots.js'

/** Clock and randomness, for tests that must not depend on either. */
export interface PoolPorts {
  /** Default: the real ones. */
  readonly clock?: Clock
  /** Default: real randomness. */
  readonly random?: Random
  /** Called when a connection could not be opened. It is no event listener, because callers can count and remove those. */
  readonly openFailed?: () => void
}

/**
 * A pool of connections for any purpose: never more than `max`, handed out in order, and reused only when clean. Callers and
 * connections meet in one place, `#serve`.
 */
export class ConnectionPool<C extends object> implements AsyncDisposable {
  readonly #factory: GuardedFactory<C>
  readonly #options: Required<PoolOptions>
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #events = new Emitter<PoolEvents>()
  readonly #queue = new WaiterQueue<C>()
  readonly #slots: Slots<C>
  /** Null unless leaks are looked for. */
  readonly #checkouts: Checkouts | null
  readonly #desk: CheckoutDesk<C>
  /** Callers that retry later. */
  readonly #retryWaits: RetryWaits
  /** The request of a caller without options. */
  readonly #usual: ConnectRequest
  #timeouts = 0
  #readiness: Deferred<void> | null = null
  #isClosed = false

  /**
   * @throws {InvalidOptionError} naming every unknown or wrong option.
   */
  constructor(factory: ConnectionFactory<C>, options: PoolOptions = {}, ports: PoolPorts = {}) {
    this.#options = resolveOptions(options, POOL_OPTIONS)
    const conflicts = poolOptionConflicts(this.#options)
    if (conflicts.length > 0) throw new InvalidOptionError(conflicts)
    const guarded = (this.#factory = new GuardedFactory(factory))
    this.#usual = connectRequest({}, this.#options.acquireTimeoutMs)
    const clock = (this.#clock = ports.clock ?? systemClock)
    this.#deadlines = new Deadlines(clock)
    this.#retryWaits = new RetryWaits(clock)
    const random = ports.random ?? systemRandom
    this.#slots = new Slots(guarded, this.#options, { clock, random }, this.#events, {
      changed: () => this.#serve(),
      openFailed: (error, isLast) => {
        ports.openFailed?.()
        this.#openFailed(error, isLast)
      },
      ended: (connection, error) => this.connectionEnded(connection, error),
      gone: (connection) => this.connectionGone(connection),
    })
    const { leakWarningMs } = this.#options
    this.#checkouts = leakWarningMs > 0 ? new Checkouts(clock, leakWarningMs, this.#events) : null
    this.#desk = new CheckoutDesk({
      factory: guarded,
      slots: this.#slots,
      clock,
      events: this.#events,
      checkouts: this.#checkouts,
      ended: (isAsked) => this.checkoutEnded(isAsked),
    })
    if (this.#options.openAtStart) this.#serve()
  }

  /** Every constructed pool is an instance, also if its prototype chain is that of another class. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if (this !== ConnectionPool) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && #slots in value
  }

  /** Connections that exist, counting those opening and closing. Never more than `max`. */
  get totalCount(): number {
    return this.#slots.total
  }

  /** Idle connections. */
  get idleCount(): number {
    return this.#slots.idle.size
  }

  /** @internal Whether the next connection is one that a caller releases. */
  get isLentOut(): boolean {
    const { total, coming, tally } = this.#slots
    return total >= this.#options.max && coming + tally.closing === 0
  }

  /** Callers in the queue. */
  get waitingCount(): number {
    return this.#queue.size
  }

  /** Checked-out connections. */
  get leasedCount(): number {
    return this.#slots.tally.leased
  }

  /** Checked-out connections that are too old: they are closed when they come back. */
  get expiredCount(): number {
    return this.#slots.old
  }

  /** Whether the pool hands out no more connections. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** @internal Why connections cannot be opened: a failure, or a server that does not answer. Otherwise null. */
  get openingTrouble(): LockError | null {
    return this.#slots.opener.trouble(0)
  }

  /** @internal How long the pool waits before it tries to connect again, after a failure; 0 if it may try now. */
  get openingPauseMs(): number {
    return this.#slots.opener.pauseMs
  }

  /** All counts at once, as plain numbers. */
  counts(): PoolCounts {
    return {
      total: this.totalCount,
      idle: this.idleCount,
      leased: this.leasedCount,
      waiting: this.waitingCount,
      ...this.#slots.counts(),
      leases: this.#desk.count,
      timeouts: this.#timeouts,
    }
  }

  /** Adds a listener. Listeners are called at once; one that throws does not affect the pool. */
  on<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this {
    this.#events.on(event, listener)
    return this
  }

  /** Removes a listener. */
  off<Name extends keyof PoolEvents>(event: Name, listener: Listener<PoolEvents[Name]>): this {
    this.#events.off(event, listener)
    return this
  }

  /**
   * Opens `min` connections and resolves when they are open. Idempotent.
   *
   * @throws {ConnectionError} if the server cannot be reached; call it again to retry
   */
  ready(): Promise<this> {
    if (this.#isClosed) return Promise.reject(new PoolClosedError())
    if (this.#slots.live >= this.#options.min) return Promise.resolve(this)
    const readiness = (this.#readiness ??= new Deferred()).promise.then(() => this)
    this.#serve()
    return readiness
  }

  /**
   * Checks a connection out, for as long as the caller needs it. Check it in with `release()`, or use `await using`.
   *
   * @throws {LockTimeoutError} not in time
   * @throws {PoolExhaustedError} none is free, and `onExhausted` says not to wait
   * @throws {PoolSaturatedError} too many callers wait
   * @throws {PoolClosedError} the pool is closed
   * @throws {ConnectionError} the server cannot be reached, and no connection is left
   * @throws {InvalidOptionError}
   */
  connect(options?: ConnectOptions): Promise<C & Lease> {
    if (this.#isClosed) return Promise.reject(new PoolClosedError())
    let request = this.#usual
    if (options !== undefined) {
      try {
        request = connectRequest(options, this.#options.acquireTimeoutMs)
      } catch (error) {
        return Promise.reject(error)
      }
      if (request.signal?.aborted) return Promise.reject(request.signal.reason)
    }
    const { isReserved } = request
    const isAccounted = isReserved || request.onWanted !== null
    const origin = isAccounted || !this.#asksForOrigins() ? null : originOf(this, 'connect')
    if (this.#queue.size === 0 && (isReserved || this.#ordinaryRoom() > 0)) {
      const slot = this.#slots.idle.peek()
      if (slot !== undefined && this.#slots.idle.fitness(slot) === 'fit')
        return this.#checkOutNow(request, origin)
    }
    const { onExhausted } = this.#options
    if (onExhausted === 'wait' || !this.#isExhausted(isReserved)) return this.#wait(request, origin)
    return onExhausted === 'fail'
      ? Promise.reject(this.#exhausted())
      : this.#retry(request, onExhausted.retry, origin)
  }

  /**
   * Runs `body` with a connection, and checks it in when the body ends, also after an error.
   *
   * @throws as `connect`, and the error of the body
   */
  async use<T>(body: (connection: C & Lease) => T | Promise<T>, options?: ConnectOptions): Promise<T> {
    const connection = await this.connect(options)
    try {
      return await body(connection)
    } finally {
      connection.release()
    }
  }

  /** Hands out no more connections, refuses waiting callers, and resolves when all connections are checked in and closed. */
  drain(): Promise<void> {
    this.#isClosed = true
    this.#queue.refuseAll(new PoolClosedError())
    this.#retryWaits.wakeAll()
    this.#readiness?.reject(new PoolClosedError())
    this.#readiness = null
    return this.#slots.end()
  }

  /**
   * Like `drain`, but closes connections that are still checked out after `graceMs`. Always settles.
   *
   * @throws {InvalidOptionError} without closing anything
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const cancel = this.#clock.after(graceOf(options), () => this.#slots.cutOff())
    await this.drain()
    cancel()
    this.#checkouts?.close()
    const enough = new AbortController()
    const timeLimit = sleep(this.#clock, this.#options.closeTimeoutMs, enough.signal)
    await Promise.race([this.#factory.settled(), timeLimit])
    enough.abort()
  }

  /** Like `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Hook for subclasses: the connection has ended by itself. */
  protected connectionEnded(_connection: C, _error: Error): void {}

  /** Hook for subclasses: the connection is gone. */
  protected connectionGone(_connection: C): void {}

  /** Hook for subclasses: a checkout is over, also a leaked one. `isAsked`: it was reserved, or had `onWanted`. */
  protected checkoutEnded(_isAsked: boolean): void {}

  #checkOutNow(request: ConnectRequest, origin: Origin | null): Promise<C & Lease> {
    try {
      return Promise.resolve(this.#desk.checkOut(request, origin, 0))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** `since` is when the caller came, if it came earlier. */
  #wait(request: ConnectRequest, origin: Origin | null, since?: number): Promise<C & Lease> {
    if (this.#isFull) return Promise.reject(new PoolSaturatedError(this.#options.maxWaiting))
    const cause = this.#slots.downBecause
    if (cause !== null) return Promise.reject(cause)
    const waiter = new PoolWaiter<C>(this.#queue, request, this.#deadlines, this.#clock, this.#timedOut)
    waiter.origin = origin
    if (since !== undefined) waiter.cameAt(since)
    this.#serve()
    if (!waiter.isGone) this.#requestBack(waiter)
    return waiter.promise
  }

  async #retry(
    request: ConnectRequest,
    { attempts, backoffMs }: { readonly attempts: number; readonly backoffMs: number },
    origin: Origin | null,
  ): Promise<C & Lease> {
    const { timeoutMs, signal } = request
    const since = this.#clock.now()
    if (this.#isFull) throw new PoolSaturatedError(this.#options.maxWaiting)
    for (let attempt = 0; attempt < attempts; attempt++) {
      const remainingMs = timeoutMs - (this.#clock.now() - since)
      await this.#retryWaits.sleep(Math.min(backoffMs, remainingMs), signal)
      throwIfAborted(signal)
      if (this.#isClosed) throw new PoolClosedError()
      const waitedMs = this.#clock.now() - since
      if (waitedMs >= timeoutMs) throw this.#timedOut(waitedMs)
      if (!this.#isExhausted(request.isReserved))
        return this.#wait({ ...request, timeoutMs: Math.ceil(timeoutMs - waitedMs) }, origin, since)
    }
    throw this.#exhausted()
  }

  /** Whether the limit of waiting callers is reached, including those that retry later. */
  get #isFull(): boolean {
    return this.#queue.size + this.#retryWaits.size >= this.#options.maxWaiting
  }

  /** The phase of a caller whose time is over. An attempt that has just begun is not to blame. */
  readonly #timedOut = (waitedMs: number): LockTimeoutError => {
    this.#timeouts++
    const cause = this.#slots.opener.trouble(waitedMs / 2)
    return cause === null
      ? new LockTimeoutError({ key: 'a connection', phase: 'queueing', waitedMs })
      : new LockTimeoutError({ key: 'a connection', phase: 'connecting', waitedMs }, { cause })
  }

  /** Whether a new caller would have to wait for a checked-out connection. */
  #isExhausted(isReserved: boolean): boolean {
    const room = this.#ordinaryRoom()
    if (!isReserved && room <= this.#queue.ordinary.size) return true
    const free = this.#options.max - this.#slots.total
    return this.#slots.coming + free <= this.#queue.servable(room)
  }

  #exhausted(): PoolExhaustedError {
    return new PoolExhaustedError(
      `no connection is free: ${this.#slots.tally.leased} of at most ${this.#options.max} are checked out`,
    )
  }

  /** Hands idle connections to waiting callers in order, then opens connections for the rest. */
  #serve(): void {
    if (this.#isClosed) return
    for (let waiter = this.#next(); waiter !== null; waiter = this.#next()) {
      const slot = this.#slots.idle.peek()
      if (slot === undefined) break
      const fitness = this.#slots.idle.fitness(slot)
      if (fitness === 'expired') this.#slots.closeNext()
      else if (fitness === 'unchecked' && !waiter.triesOnce) {
        // One check per waiting caller, not one per connection that needs it.
        if (this.#slots.tally.checking >= this.#queue.servable(this.#ordinaryRoom())) break
        this.#slots.checkNext()
      } else this.#checkOutTo(waiter)
    }
    this.#slots.open(this.#queue.servable(this.#ordinaryRoom()))
    if (this.#readiness !== null && this.#slots.live >= this.#options.min) {
      this.#readiness.resolve()
      this.#readiness = null
    }
  }

  #next(): PoolWaiter<C> | null {
    return this.#queue.next(this.#ordinaryRoom())
  }

  /** For a caller that would wait: asks borrowers with `onWanted` for a connection that would help. */
  #requestBack(waiter: PoolWaiter<C>): void {
    const room = this.#ordinaryRoom()
    if (!waiter.isReserved && room <= 0) this.#slots.requestBack((slot) => !slot.isReserved)
    else if (this.#slots.coming < this.#queue.servable(room)) this.#slots.requestBack(() => true)
  }

  /** How many more ordinary callers may get a connection. */
  #ordinaryRoom(): number {
    return this.#options.max - this.#options.reserved - this.#slots.tally.ordinaryLeased
  }

  #checkOutTo(waiter: PoolWaiter<C>): void {
    // A checkout runs foreign code: it must find neither this caller in the queue nor this connection among the idle ones.
    if (!waiter.dequeue()) return
    try {
      const waitedMs = this.#events.hasListener('connection:checked-out') ? waiter.waitedMs : 0
      waiter.fulfil(this.#desk.checkOut(waiter, waiter.origin, waitedMs))
    } catch (error) {
      waiter.fail(error)
    }
  }

  /** A stack costs microseconds, so it is taken only if it may be reported. */
  #asksForOrigins(): boolean {
    return this.#checkouts !== null || this.#events.hasListener('connection:cleaned')
  }

  #openFailed(error: LockError, isLast: boolean): void {
    if (!isLast) return
    this.#readiness?.reject(error)
    this.#readiness = null
    // If no connection can come back, waiting callers get the cause; otherwise they keep their place.
    if (this.#slots.live === 0) this.#queue.refuseAll(error)
    else if (this.#queue.size > 0) this.#slots.opener.probeLater()
  }
}
