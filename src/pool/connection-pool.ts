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
import { Lender } from './lender.js'
import { Loans } from './loans.js'
import { Naps } from './naps.js'
import type { PoolCounts, PoolEvents } from './pool-events.js'
import { POOL_OPTIONS, poolOptionConflicts, type PoolOptions } from './pool-options.js'
import { PoolWaiter, WaitingLine } from './pool-waiter.js'
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
  readonly #factory: GuardedFactory<C>
  readonly #options: Required<PoolOptions>
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #events = new Emitter<PoolEvents>()
  readonly #line = new WaitingLine<C>()
  readonly #stock: Stock<C>
  /** Null unless leaks are looked for. */
  readonly #loans: Loans | null
  readonly #lender: Lender<C>
  /** Of those who were told to look again. */
  readonly #naps: Naps
  /** What a caller asks for who says nothing. */
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
    this.#naps = new Naps(clock)
    const random = ports.random ?? systemRandom
    this.#stock = new Stock(guarded, this.#options, { clock, random }, this.#events, {
      changed: () => this.#serve(),
      openFailed: (error, isLast) => this.#openFailed(error, isLast),
      ended: (connection, error) => this.connectionEnded(connection, error),
      gone: (connection) => this.connectionGone(connection),
    })
    const { leakWarningMs } = this.#options
    this.#loans = leakWarningMs > 0 ? new Loans(clock, leakWarningMs, this.#events) : null
    this.#lender = new Lender({
      factory: guarded,
      stock: this.#stock,
      clock,
      events: this.#events,
      loans: this.#loans,
      ended: (isAsked) => this.loanEnded(isAsked),
    })
    if (this.#options.openAtStart) this.#serve()
  }

  /** Whatever was constructed as one is one, also if its line of ancestors is another's. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if (this !== ConnectionPool) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && #stock in value
  }

  /** Connections that exist, counting those opening and closing. Never more than `max`. */
  get totalCount(): number {
    return this.#stock.total
  }

  /** Connections that nobody has. */
  get idleCount(): number {
    return this.#stock.shelf.size
  }

  /** Callers in the queue. */
  get waitingCount(): number {
    return this.#line.size
  }

  /** Connections that somebody has. */
  get leasedCount(): number {
    return this.#stock.tally.leased
  }

  /** Borrowed ones that have grown too old: they are closed when they come back. */
  get expiredCount(): number {
    return this.#stock.old
  }

  /** Whether it hands out no more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** @internal What keeps connections from opening: a failure, or a server that does not answer. Null if nothing does. */
  get openingTrouble(): LockError | null {
    return this.#stock.opener.trouble(0)
  }

  /** @internal So long the server is not asked again, because it has just been asked in vain; 0 if it may be asked now. */
  get openingPauseMs(): number {
    return this.#stock.opener.pauseMs
  }

  /** All of it at once, as plain numbers. */
  counts(): PoolCounts {
    return {
      total: this.totalCount,
      idle: this.idleCount,
      leased: this.leasedCount,
      waiting: this.waitingCount,
      ...this.#stock.counts(),
      leases: this.#lender.count,
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
    if (this.#line.size === 0 && (isReserved || this.#ordinaryRoom() > 0)) {
      const slot = this.#stock.shelf.peek()
      if (slot !== undefined && this.#stock.shelf.fitness(slot) === 'fit')
        return this.#lendNow(request, origin)
    }
    const { onExhausted } = this.#options
    if (onExhausted === 'wait' || !this.#isExhausted(isReserved)) return this.#wait(request, origin)
    return onExhausted === 'fail'
      ? Promise.reject(this.#exhausted())
      : this.#retry(request, onExhausted.retry, origin)
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
    this.#naps.wakeAll()
    this.#readiness?.reject(new PoolClosedError())
    this.#readiness = null
    return this.#stock.end()
  }

  /**
   * As `drain`, but what is still borrowed after `graceMs` is closed under its borrower. Always settles.
   *
   * @throws {InvalidOptionError} and nothing is closed
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const cancel = this.#clock.after(graceOf(options), () => this.#stock.cutOff())
    await this.drain()
    cancel()
    this.#loans?.close()
    const enough = new AbortController()
    const patience = sleep(this.#clock, this.#options.closeTimeoutMs, enough.signal)
    await Promise.race([this.#factory.settled(), patience])
    enough.abort()
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

  #lendNow(request: ConnectRequest, origin: Origin | null): Promise<C & Lease> {
    try {
      return Promise.resolve(this.#lender.lend(request, origin, 0))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** `since` is when the caller came, if that was before now. */
  #wait(request: ConnectRequest, origin: Origin | null, since?: number): Promise<C & Lease> {
    if (this.#isFull) return Promise.reject(new PoolSaturatedError(this.#options.maxWaiting))
    const cause = this.#stock.downBecause
    if (cause !== null) return Promise.reject(cause)
    const waiter = new PoolWaiter<C>(this.#line, request, this.#deadlines, this.#clock, this.#timedOut)
    waiter.origin = origin
    if (since !== undefined) waiter.cameAt(since)
    this.#serve()
    if (!waiter.hasLeft) this.#askBack(waiter)
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
      const leftMs = timeoutMs - (this.#clock.now() - since)
      await this.#naps.sleep(Math.min(backoffMs, leftMs), signal)
      signal?.throwIfAborted()
      if (this.#isClosed) throw new PoolClosedError()
      const waitedMs = this.#clock.now() - since
      if (waitedMs >= timeoutMs) throw this.#timedOut(waitedMs)
      if (!this.#isExhausted(request.isReserved))
        return this.#wait({ ...request, timeoutMs: Math.ceil(timeoutMs - waitedMs) }, origin, since)
    }
    throw this.#exhausted()
  }

  /** Whether as many wait as may, in the queue or apart from it. */
  get #isFull(): boolean {
    return this.#line.size + this.#naps.size >= this.#options.maxWaiting
  }

  /** For one whose time is up: what it was that took it. An attempt that has just begun is not to blame. */
  readonly #timedOut = (waitedMs: number): LockTimeoutError => {
    this.#timeouts++
    const cause = this.#stock.opener.trouble(waitedMs / 2)
    return cause === null
      ? new LockTimeoutError({ key: 'a connection', phase: 'queueing', waitedMs })
      : new LockTimeoutError({ key: 'a connection', phase: 'connecting', waitedMs }, { cause })
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
      `no connection is free: ${this.#stock.tally.leased} of at most ${this.#options.max} are borrowed`,
    )
  }

  /** Gives what is idle to who waits, in order, then opens for the rest. */
  #serve(): void {
    if (this.#isClosed) return
    for (let waiter = this.#next(); waiter !== null; waiter = this.#next()) {
      const slot = this.#stock.shelf.peek()
      if (slot === undefined) break
      const fitness = this.#stock.shelf.fitness(slot)
      if (fitness === 'expired') this.#stock.closeNext()
      else if (fitness === 'unchecked' && !waiter.isImpatient) {
        // One check for each who waits, not one for each connection that needs it.
        if (this.#stock.tally.checking >= this.#line.servable(this.#ordinaryRoom())) break
        this.#stock.checkNext()
      } else this.#lendTo(waiter)
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
    return this.#options.max - this.#options.reserved - this.#stock.tally.ordinaryLeased
  }

  #lendTo(waiter: PoolWaiter<C>): void {
    // Lending runs the code of others: it must find neither this one in the queue nor this connection among the idle.
    if (!waiter.claim()) return
    try {
      const waitedMs = this.#events.hears('connection:lent') ? waiter.waitedMs : 0
      waiter.fulfil(this.#lender.lend(waiter, waiter.origin, waitedMs))
    } catch (error) {
      waiter.fail(error)
    }
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
    else if (this.#line.size > 0) this.#stock.opener.probeLater()
  }
}
