import { signalOf, throwIfAborted } from '../base/abort-signal.js'
import { systemClock, type Clock } from '../base/clock.js'
import type { Listener } from '../base/emitter.js'
import { InvalidOptionError, PoolClosedError } from '../base/errors.js'
import { show } from '../base/options.js'
import { orAbort } from '../base/or-abort.js'
import { originOf } from '../base/overdue.js'
import { systemRandom, type Random } from '../base/random.js'
import { checkKey } from '../dialect/check-key.js'
import type { Dialect } from '../dialect/dialect.js'
import type { LeaderInfo } from '../dialect/leader.js'
import type { KeyCode, LockKey } from '../dialect/lock-key.js'
import type { NamedKey } from '../dialect/named-key.js'
import type { SessionReport } from '../dialect/session-report.js'
import type { ConnectionFactory } from '../pool/connection-factory.js'
import type { ConnectOptions } from '../pool/connect-request.js'
import type { ConnectionPool } from '../pool/connection-pool.js'
import { acquireAll } from './acquire-all.js'
import {
  ACQUIRE_OPTIONS,
  NO_OPTIONS,
  Requests,
  TRY_ACQUIRE_OPTIONS,
  type AcquireOptions,
  type TryAcquireOptions,
} from './acquire-options.js'
import { checkCampaignOptions, type CampaignOptions } from './campaign/campaign-options.js'
import type { Campaign } from './campaign/campaign.js'
import { Campaigns } from './campaign/campaigns.js'
import { graceOf, type CloseOptions } from '../pool/close-options.js'
import { Engine, type MakePool } from './engine.js'
import type { KeysOfTransaction } from './handle/frame.js'
import { runHolding, runInTransaction } from './handle/holding-context.js'
import { KeyEncoder } from './key/key-encoder.js'
import type { Lock } from './handle/lock.js'
import type { LockEvents } from './lock-events.js'
import type { LockGroup } from './handle/lock-group.js'
import type { LockPoolOptions } from './lock-pool-options.js'
import type { LockRequest, WaitPolicy } from './handle/lock-waiter.js'
import { checkPermits, Semaphore } from './semaphore/semaphore.js'
import { thisProcess } from './records/session-reports.js'
import { semaphoreSnapshots } from './semaphore/semaphore-snapshot.js'
import { keySnapshots, sessionSnapshot, type PoolSnapshot } from './snapshot.js'
import { isAcquireTraced, traceAcquire } from './handle/trace.js'

/** The database to lock in; for tests also clock and randomness. */
export interface LockPoolPorts<C extends object> {
  readonly factory: ConnectionFactory<C>
  readonly dialect: Dialect<C>
  readonly clock?: Clock
  readonly random?: Random
  readonly makePool?: MakePool<C>
}

/** Many locks on few connections, for any dialect. */
export class LockPool<C extends object> implements AsyncDisposable {
  readonly #options: Required<LockPoolOptions>
  readonly #engine: Engine<C>
  readonly #keys: KeyEncoder
  readonly #requests: Requests
  readonly #dialect: Pick<Dialect<C>, 'encodeSemaphore'>
  readonly #campaigns: Campaigns<C>
  #state: PoolSnapshot['state'] = 'open'
  #closing: Promise<void> | null = null

  /** @internal Opens nothing yet. `options` must have been resolved. */
  constructor(options: Required<LockPoolOptions>, ports: LockPoolPorts<C>) {
    this.#options = options
    this.#engine = new Engine(options, {
      factory: ports.factory,
      dialect: ports.dialect,
      clock: ports.clock ?? systemClock,
      random: ports.random ?? systemRandom,
      ...(ports.makePool === undefined ? {} : { makePool: ports.makePool }),
    })
    this.#dialect = ports.dialect
    this.#keys = new KeyEncoder(ports.dialect, options.namespace)
    this.#requests = new Requests(options, ports.dialect.can)
    this.#campaigns = new Campaigns(this.#engine, ports.dialect, options.max === 1)
  }

  /** All connections. Lock sessions are checked out of it too. Every checkout counts towards `max`. */
  get connections(): ConnectionPool<C> {
    return this.#engine.connections
  }

  /**
   * Opens `min` connections and checks that the server is suitable. Idempotent. Without it the first call of `acquire` does
   * the same. A server that refuses is reported at once; one that does not answer within `connectTimeoutMs` is tried three
   * times, because where many processes start at once the machine is slow. An abort of `signal` ends the wait.
   *
   * @throws {ConnectionError} the server cannot be reached, refuses the connection, is too old, or is read-only
   * @throws {PoolerDetectedError} statements go to more than one server session
   * @throws {StrictUnavailableError} `strict` is on, and hold records cannot be written
   * @throws {PoolClosedError} the pool is closed, or was before it was ready
   */
  async ready(options: { readonly signal?: AbortSignal } = {}): Promise<this> {
    const signal = signalOf(options)
    await (signal === undefined ? this.#engine.ready() : orAbort(this.#engine.ready(), signal))
    return this
  }

  /**
   * Waits for a lock. An aborted call rejects with `signal.reason`, unchanged.
   *
   * @throws {LockTimeoutError} not in time, and certainly not held
   * @throws {LockReentryError} an enclosing `withLock` body holds the key
   * @throws {LockDeadlockError} the holders wait for a lock of such a body
   * @throws {LockTableFullError} the pool's share of the lock table, or the table, is full; nothing was acquired
   * @throws {ConnectionError} the server cannot be reached
   * @throws {PoolExhaustedError} no connection is free, and `onExhausted` says not to wait
   * @throws {PoolSaturatedError} too many callers wait
   * @throws {PoolClosedError} the pool is closed, or was while it waited
   * @throws {InvalidKeyError} {InvalidOptionError} {ModeUnsupportedError}
   */
  acquire(key: LockKey, options: AcquireOptions = NO_OPTIONS): Promise<Lock> {
    const lock = this.#request(key, options, ACQUIRE_OPTIONS, 'wait')
    return this.#watched(lock, 'acquire') as Promise<Lock>
  }

  /**
   * One attempt, without waiting: null if the lock is not free, or if an enclosing body holds it.
   *
   * @throws as `acquire`, if the attempt cannot be made
   */
  tryAcquire(key: LockKey, options: TryAcquireOptions = NO_OPTIONS): Promise<Lock | null> {
    return this.#watched(this.#request(key, options, TRY_ACQUIRE_OPTIONS, 'ask'), 'tryAcquire')
  }

  /**
   * @internal For an owner that counts like a server session: the holder of `held` gets its key in the other mode, and has
   * one of the two at any moment. Null if `waitPolicy` is to ask, and others read as well.
   *
   * @throws as `acquire`, and `held` is still held
   * @throws {ModeUnsupportedError} in strict mode, and where locks are rows
   */
  async convert(held: Lock, options: AcquireOptions, waitPolicy: 'wait' | 'ask'): Promise<Lock | null> {
    const request = this.#requests.ofConversion(options, waitPolicy)
    request.signal?.throwIfAborted()
    return this.#engine.keys.convert(this.#keys.code(held.key), request, held)
  }

  /**
   * Waits for several locks, and acquires all of them or none. Free ones cost one round trip together. Two calls never
   * deadlock with each other, whatever the order of their keys.
   *
   * @throws as `acquire`, with nothing held
   */
  async acquireAll(keys: Iterable<LockKey>, options: AcquireOptions = NO_OPTIONS): Promise<LockGroup> {
    const request = this.#requests.from(options, ACQUIRE_OPTIONS, 'wait')
    const wanted = this.#keys.codes(keys, request.mode)
    throwIfAborted(request.signal)
    const origin = this.#engine.leaks && originOf(this, 'acquireAll')
    const labels = wanted.map(({ label }) => label)
    const group = await traceAcquire(labels, request.mode, () => acquireAll(this.#engine, wanted, request))
    if (origin !== null) for (const lock of group.locks) this.#engine.leaks!.watch(lock, origin)
    return group
  }

  /**
   * Runs `body` while holding a lock, and releases it when the body ends, also after an error.
   *
   * @throws as `acquire`, before the body runs
   * @throws {LockLostError} the lock was lost meanwhile, even though the body succeeded. The body can know earlier: the
   * `signal` of its lock aborts.
   */
  withLock<T>(key: LockKey, body: (lock: Lock) => T | Promise<T>): Promise<T>
  withLock<T>(key: LockKey, options: AcquireOptions, body: (lock: Lock) => T | Promise<T>): Promise<T>
  async withLock<T>(
    key: LockKey,
    optionsOrBody: AcquireOptions | ((lock: Lock) => T | Promise<T>),
    maybeBody?: (lock: Lock) => T | Promise<T>,
  ): Promise<T> {
    const [options, body] =
      typeof optionsOrBody === 'function' ? [NO_OPTIONS, optionsOrBody] : [optionsOrBody, maybeBody]
    if (typeof body !== 'function')
      throw new InvalidOptionError([`the body must be a function, got ${show(body)}`])
    const origin = this.#engine.leaks && originOf(this, 'withLock')
    const lock = (await this.#request(key, options, ACQUIRE_OPTIONS, 'wait')) as Lock
    if (origin !== null) this.#engine.leaks!.watch(lock, origin)
    let result: T
    try {
      result = await runHolding(lock, () => body(lock))
    } catch (error) {
      // The body's own error says more than that of a release that fails because the lock was lost.
      await lock.release().catch(() => undefined)
      throw error
    }
    await lock.release()
    return result
  }

  /**
   * A counting semaphore: at most `permits` holders at a time, across all processes. It is independent of the lock with the
   * same key.
   *
   * @throws {InvalidOptionError} `permits` is not from 1 to 1000, or differs from an earlier call in this pool
   * @throws {InvalidKeyError}
   */
  semaphore(key: LockKey, permits: number): Semaphore {
    checkPermits(permits)
    checkKey(key)
    const { semaphores, leaks } = this.#engine
    const code = this.#dialect.encodeSemaphore(key, permits, this.#options.namespace)
    semaphores.remember(code, key)
    return new Semaphore(key, code, { semaphores, leaks, requests: this.#requests })
  }

  /**
   * Starts a campaign for leadership: one leader at a time among all campaigns for the key, until it resigns. Each election
   * is a new term with a greater token. A loss ends the term, and another election follows. `close()` hands leadership over.
   *
   * @throws {InvalidKeyError} {InvalidOptionError} {PoolClosedError}
   */
  campaign(key: LockKey, options: CampaignOptions = {}): Campaign {
    checkCampaignOptions(options)
    const code = this.#keys.code(key)
    if (this.#state !== 'open') throw new PoolClosedError()
    return this.#campaigns.begin(code, key, options)
  }

  /**
   * The current leader for the key, for processes without a campaign; null if there is none. With a connection it waits for
   * five seconds at the most. An abort of `signal` ends the wait.
   *
   * @throws {InvalidKeyError} and as `connections.connect`
   */
  async leader(key: LockKey, options: ConnectOptions = {}): Promise<LeaderInfo | null> {
    return this.#campaigns.leader(this.#keys.code(key), options)
  }

  /** The state of this process as plain JSON, without a request to the server. */
  snapshot(): PoolSnapshot {
    const { arbiter, connections, listener, keys: entries, primary, semaphores, sessions } = this.#engine
    const keys = keySnapshots(entries)
    const counted = semaphoreSnapshots(semaphores)
    return {
      version: 1,
      state: this.#state,
      process: thisProcess(),
      connections: { min: this.#options.min, max: this.#options.max, ...connections.counts() },
      listener: listener.state,
      sessions: [...sessions.all].map(sessionSnapshot),
      primary: primary.snapshot(),
      held: [...keys, ...counted].reduce((sum, key) => sum + key.holders.length, 0),
      waiting: arbiter.waiting,
      keys,
      semaphores: counted,
      counters: { ...arbiter.counters },
    }
  }

  /**
   * Adds a listener. Listeners are called before the call that caused the event returns; one that throws does not affect the
   * pool.
   */
  on<Name extends keyof LockEvents>(event: Name, listener: Listener<LockEvents[Name]>): this {
    this.#engine.events.on(event, listener)
    return this
  }

  /** Removes a listener. */
  off<Name extends keyof LockEvents>(event: Name, listener: Listener<LockEvents[Name]>): this {
    this.#engine.events.off(event, listener)
    return this
  }

  /**
   * Refuses new and waiting calls, hands leadership over, gives holders `graceMs` (default 5000) to release, and then ends
   * their sessions: those locks are lost. Running statements on checked-out connections are canceled, with one more second
   * for a server that does not answer. Always settles; idempotent.
   *
   * @throws {InvalidOptionError} without closing anything
   */
  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing === null) {
      let graceMs: number
      try {
        graceMs = graceOf(options)
      } catch (error) {
        return Promise.reject(error)
      }
      this.#state = 'closing'
      this.#campaigns.close(graceMs)
      this.#closing = this.#engine.close(graceMs).then(() => {
        this.#state = 'closed'
      })
    }
    return this.#closing
  }

  /** Like `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Names of the keys that this process holds or waits for. */
  protected namesInUse(): Iterable<NamedKey> {
    return this.#engine.namesInUse()
  }

  /** @internal Since when its locks are held, and its callers wait. */
  protected reports(): SessionReport[] {
    return this.#engine.reports(0)
  }

  /** @internal For subclasses: runs the body of a transaction in which these keys are held, including keys that are added later. */
  protected runInTransaction<T>(keys: KeysOfTransaction, body: () => T): T {
    return runInTransaction(this.#engine.keys, keys, body)
  }

  /** @internal For subclasses: whether a request for it here would wait for itself. The request's own transaction does not count. */
  protected isHeldAround(keyId: string, ownKeys: KeysOfTransaction | null): boolean {
    return this.#engine.keys.isHeldAround(keyId, ownKeys)
  }

  /** What the caller gets: the lock itself, unless the pool looks for leaks. */
  #watched(acquired: Promise<Lock | null>, entrance: 'acquire' | 'tryAcquire'): Promise<Lock | null> {
    const { leaks } = this.#engine
    if (leaks === null) return acquired
    const origin = originOf<LockPool<C>>(this, entrance)
    return acquired.then((lock) => {
      if (lock === null) return null
      leaks.watch(lock, origin)
      return leaks.handle(lock)
    })
  }

  #request(
    key: LockKey,
    options: AcquireOptions,
    known: ReadonlySet<string>,
    waitPolicy: WaitPolicy,
  ): Promise<Lock | null> {
    try {
      const request = this.#requests.from(options, known, waitPolicy)
      const code = this.#keys.code(key, request.mode)
      if (request.signal?.aborted) return Promise.reject(request.signal.reason)
      if (!isAcquireTraced()) return this.#engine.keys.acquire(code, key, request)
      return this.#traced(code, key, request)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A separate function, because creating a closure for each caller costs time, even if it is not used. */
  #traced(code: KeyCode, key: LockKey, request: LockRequest): Promise<Lock | null> {
    return traceAcquire([key], request.mode, () => this.#engine.keys.acquire(code, key, request))
  }
}
