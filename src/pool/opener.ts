import { backoffDelay, type Backoff } from '../base/backoff.js'
import type { Cancel, Clock } from '../base/clock.js'
import { ConnectionError, LockError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { GuardedFactory } from './guarded-factory.js'
import { NoAnswer } from './no-answer.js'

/**
 * While the server is down, one attempt at a time, at most two a second, and never more than 1.8 s apart: fast enough to
 * notice its return, slow enough that a thousand callers can't hammer it.
 */
const PROBE: Backoff = { firstMs: 500, factor: 1.5, capMs: 1500, jitter: 0.2 }

/**
 * How many times a server is asked again after the delay that it named. After that it is treated like any other that is
 * down.
 */
const MOST_SOON = 200

/**
 * This many connections in a row may end at once, before their first use: a server that shuts down does that. After that it
 * counts as a failure; otherwise opening the next one would be a loop without a pause.
 */
const STILLBORN = 3
/** "At once" means within this time of its opening, and "in a row" within this time of the last one. */
const AT_ONCE_MS = 1000

export interface OpenerOptions {
  /** How long an attempt may take. */
  readonly connectTimeoutMs: number
  /** How long closing a connection that arrived too late may take. */
  readonly closeTimeoutMs: number
  /** Whether the process may end while it does nothing but check whether the server is back. */
  readonly allowExitOnIdle: boolean
}

export interface OpenerHost<C> {
  opened(connection: C, tookMs: number): void
  /** Also called when the attempt was given up. `others` attempts are still under way. */
  failed(error: ConnectionError | LockError, others: number): void
  /** Called when `open` can do more than at its last call. */
  due(): void
}

/**
 * Opens connections, independent of the callers: an attempt outlives the caller's timeout. Otherwise a pool whose connecting
 * takes longer than its callers wait would never fill. It knows whether the server is down, and then sends one probe at a time.
 * After the server's return, attempts grow 1, 2, 4, ... so that all processes together do not overload it again.
 */
export class Opener<C extends object> {
  readonly #factory: GuardedFactory<C>
  readonly #options: OpenerOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #host: OpenerHost<C>
  /** Each with when it began, the oldest first. */
  readonly #underWay = new Map<AbortController, number>()
  #failures = 0
  #lastError: LockError | null = null
  #retryAt = 0
  #probe: Cancel | null = null
  #atOnce = Infinity
  #stillborn = 0
  #lastStillbornAt = -Infinity
  #isClosed = false

  constructor(
    factory: GuardedFactory<C>,
    options: OpenerOptions,
    clock: Clock,
    random: Random,
    host: OpenerHost<C>,
  ) {
    this.#factory = factory
    this.#options = options
    this.#clock = clock
    this.#random = random
    this.#host = host
  }

  get opening(): number {
    return this.#underWay.size
  }

  /** The last failure, if nothing has been opened since. */
  get lastError(): LockError | null {
    return this.#lastError
  }

  /**
   * Whether a new caller can get the cause at once, because an attempt has just failed. During the next attempt the state is
   * unknown, however often it has failed before.
   */
  get isDown(): boolean {
    return this.#lastError !== null && this.#underWay.size === 0 && this.#clock.now() < this.#retryAt
  }

  /** How long no attempt is made after one that failed. */
  get pauseMs(): number {
    return this.#lastError === null ? 0 : Math.max(this.#retryAt - this.#clock.now(), 0)
  }

  /** What keeps a connection from opening: why the last attempt failed, or how long one has had no answer. */
  trouble(atLeastMs: number): LockError | null {
    if (this.#lastError !== null) return this.#lastError
    const [since] = this.#underWay.values()
    if (since === undefined) return null
    const ms = this.#clock.now() - since
    if (ms < atLeastMs) return null
    return new ConnectionError(`an attempt to connect has had no answer for ${Math.round(ms)} ms`)
  }

  /** Ensures that up to `wanted` attempts are running, as far as the server's state allows. */
  open(wanted: number): void {
    if (wanted <= 0 || this.#isClosed) return
    if (this.#lastError !== null && this.#clock.now() < this.#retryAt) return this.probeLater()
    const allowed = Math.min(wanted, this.#lastError === null ? this.#atOnce : 1)
    for (let more = allowed - this.#underWay.size; more > 0; more--) {
      this.#start()
      if (this.#lastError !== null) return
    }
  }

  /** While the server is down: makes sure that the server is checked again later. */
  probeLater(): void {
    const isSeenTo = this.#probe !== null || this.#underWay.size > 0
    if (this.#lastError === null || isSeenTo || this.#isClosed) return
    const due = (): void => {
      this.#probe = null
      this.#host.due()
    }
    const delayMs = this.#retryAt - this.#clock.now()
    this.#probe = this.#clock.after(delayMs, due, !this.#options.allowExitOnIdle)
  }

  /** A connection has ended before its first use. Returns an error if that counts as a failure to open one. */
  ended(openedAt: number, cause: Error): LockError | null {
    const now = this.#clock.now()
    if (now - openedAt > AT_ONCE_MS) return null
    if (now - this.#lastStillbornAt > AT_ONCE_MS + PROBE.capMs * 2) this.#stillborn = 0
    this.#lastStillbornAt = now
    if (++this.#stillborn < STILLBORN) return null
    const message = `connections end as soon as they are open: ${cause.message}`
    return this.#note(new ConnectionError(message, { cause }))
  }

  /** A connection has ended by itself: before many are opened, one finds out whether the server is still there. */
  suspect(): void {
    this.#atOnce = 1
  }

  /** Ends all attempts, and makes no more. */
  close(): void {
    this.#isClosed = true
    this.#probe?.()
    this.#probe = null
    for (const attempt of [...this.#underWay.keys()]) attempt.abort()
  }

  #start(): void {
    const attempt = new AbortController()
    const startedAt = this.#clock.now()
    this.#underWay.set(attempt, startedAt)
    let isOver = false
    const end = (): boolean => {
      if (isOver) return false
      isOver = true
      cancelTimer()
      this.#underWay.delete(attempt)
      return true
    }
    const fail = (error: unknown): void => {
      if (end()) this.#failed(error)
    }
    const { connectTimeoutMs } = this.#options
    const cancelTimer = this.#clock.after(connectTimeoutMs, () => attempt.abort())
    attempt.signal.addEventListener('abort', () => {
      const found = this.#factory.progress(attempt.signal)
      const why = found === null ? '' : `: ${found.said}`
      const message = `no connection within ${connectTimeoutMs} ms${why}`
      fail(new NoAnswer(message, { retryAfterMs: found?.retryAfterMs ?? null }))
    })
    const succeed = (connection: C): void => {
      if (end()) this.#succeeded(connection, this.#clock.now() - startedAt)
      else this.#closeLate(connection)
    }
    this.#factory.open(attempt.signal).then(succeed, fail)
  }

  #succeeded(connection: C, tookMs: number): void {
    if (this.#failures > 0) this.#atOnce = 1
    this.#failures = 0
    this.#lastError = null
    this.#atOnce *= 2
    this.#host.opened(connection, tookMs)
  }

  #failed(error: unknown): void {
    this.#host.failed(this.#note(asConnectionError(error)), this.#underWay.size)
  }

  #note(error: LockError): LockError {
    this.#lastError = error
    this.#retryAt = this.#clock.now() + this.#delayAfter(error, this.#failures++)
    return error
  }

  /** A server that says it will soon be ready is asked again soon, but not forever. */
  #delayAfter(error: LockError, failures: number): number {
    const soonMs = error instanceof ConnectionError ? error.retryAfterMs : null
    if (soonMs === null || failures >= MOST_SOON) return backoffDelay(PROBE, failures, this.#random)
    return soonMs * (1 + PROBE.jitter * this.#random.next())
  }

  /** It arrived after its time: it has no owner, so it must not stay open. */
  #closeLate(connection: C): void {
    const destroy = (): void => this.#factory.destroy(connection)
    const cancel = this.#clock.after(this.#options.closeTimeoutMs, destroy)
    void this.#factory.discard(connection).then(cancel)
  }
}

function asConnectionError(error: unknown): LockError {
  if (error instanceof LockError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ConnectionError(message, { cause: error })
}
