import { backoffDelay, type Backoff } from '../base/backoff.js'
import type { Cancel, Clock } from '../base/clock.js'
import { ConnectionError, LockError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { ConnectionFactory } from './connection-factory.js'

/**
 * While the server is down, one attempt at a time, at most two a second, and never more than 1.8 s apart: fast enough to
 * notice its return, slow enough that a thousand callers can't hammer it.
 */
const PROBE: Backoff = { firstMs: 500, factor: 1.5, capMs: 1500, jitter: 0.2 }

export interface OpenerHost<C> {
  opened(connection: C, tookMs: number): void
  /** Also called when the attempt was given up. `others` attempts are still under way. */
  failed(error: ConnectionError | LockError, others: number): void
  /** It is worth asking `open` again. */
  due(): void
}

/**
 * Opens connections, apart from whoever asked: an attempt outlives the caller's patience, or a pool whose connecting takes
 * longer than anybody waits would never fill. Knows whether the server is down, and then sends one probe at a time; after
 * its return, attempts grow 1, 2, 4, ... so that all processes together do not knock it over again.
 */
export class Opener<C extends object> {
  readonly #factory: ConnectionFactory<C>
  readonly #timeoutMs: number
  readonly #clock: Clock
  readonly #random: Random
  readonly #host: OpenerHost<C>
  readonly #underWay = new Set<AbortController>()
  #failures = 0
  #lastError: LockError | null = null
  #retryAt = 0
  #probe: Cancel | null = null
  #atOnce = Infinity

  constructor(
    factory: ConnectionFactory<C>,
    timeoutMs: number,
    clock: Clock,
    random: Random,
    host: OpenerHost<C>,
  ) {
    this.#factory = factory
    this.#timeoutMs = timeoutMs
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

  /** Whether a caller who arrives now can be told the cause at once: the server is down and has just been asked. */
  get isDown(): boolean {
    return this.#lastError !== null && (this.#underWay.size > 0 || this.#clock.now() < this.#retryAt)
  }

  /** Sees to it that up to `wanted` attempts are under way, as far as the server's state allows. */
  open(wanted: number): void {
    if (wanted <= 0) return
    if (this.#lastError !== null && this.#clock.now() < this.#retryAt) return this.probeLater()
    const allowed = Math.min(wanted, this.#lastError === null ? this.#atOnce : 1)
    for (let more = allowed - this.#underWay.size; more > 0; more--) {
      this.#start()
      if (this.#lastError !== null) return
    }
  }

  /** While the server is down: makes sure that somebody will look whether it is back. */
  probeLater(): void {
    if (this.#lastError === null || this.#probe !== null || this.#underWay.size > 0) return
    this.#probe = this.#clock.after(this.#retryAt - this.#clock.now(), () => {
      this.#probe = null
      this.#host.due()
    })
  }

  /** A connection has ended by itself: before many are opened, one finds out whether the server is still there. */
  suspect(): void {
    this.#atOnce = 1
  }

  close(): void {
    this.#probe?.()
    this.#probe = null
    for (const attempt of [...this.#underWay]) attempt.abort()
  }

  #start(): void {
    const attempt = new AbortController()
    const startedAt = this.#clock.now()
    this.#underWay.add(attempt)
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
    const cancelTimer = this.#clock.after(this.#timeoutMs, () => attempt.abort())
    attempt.signal.addEventListener('abort', () => {
      fail(new ConnectionError(`no connection within ${this.#timeoutMs} ms`))
    })
    const succeed = (connection: C): void => {
      if (end()) this.#succeeded(connection, this.#clock.now() - startedAt)
      else this.#closeLate(connection)
    }
    try {
      this.#factory.open(attempt.signal).then(succeed, fail)
    } catch (error) {
      fail(error)
    }
  }

  #succeeded(connection: C, tookMs: number): void {
    if (this.#failures > 0) this.#atOnce = 1
    this.#failures = 0
    this.#lastError = null
    this.#atOnce *= 2
    this.#host.opened(connection, tookMs)
  }

  #failed(error: unknown): void {
    this.#lastError = asConnectionError(error)
    this.#retryAt = this.#clock.now() + backoffDelay(PROBE, this.#failures++, this.#random)
    this.#host.failed(this.#lastError, this.#underWay.size)
  }

  /** It arrived after its time: nobody knows of it, so it must not stay open. */
  #closeLate(connection: C): void {
    this.#factory.close(connection).catch(() => this.#factory.destroy?.(connection))
  }
}

function asConnectionError(error: unknown): LockError {
  if (error instanceof LockError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ConnectionError(message, { cause: error })
}
