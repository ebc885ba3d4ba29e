import type { Cancel, Clock, Instant } from '../../base/clock.js'

export interface LeaseHost {
  readonly clock: Clock
  /** Whether a statement is on the wire whose answer is a sign of life. */
  readonly isExecuting: boolean
  /** Asks the server for a sign of life. */
  beat(): void
  /** The server may have released everything. */
  leaseOver(silentMs: number): void
}

/**
 * What keeps the locks of one session: a lease that the server grants, and that every statement renews. The server
 * releases the locks of a session that has sent nothing for `leaseMs`. This side declares them lost some time
 * before that, counted from the moment at which it *sent* the last statement that was answered: the server's clock
 * started later.
 */
export class SessionLease {
  readonly #host: LeaseHost
  readonly #beatMs: number
  readonly #safeMs: number
  #renewedAt: Instant
  #lastSent: Instant
  #cancelPulse: Cancel | null = null

  /** `renewedAt` is a moment before the departure of a statement that the server has answered with the lease in force. */
  constructor(leaseMs: number, renewedAt: Instant, host: LeaseHost) {
    this.#host = host
    this.#beatMs = leaseMs / 3
    this.#safeMs = leaseMs - leaseMargin(leaseMs)
    this.#renewedAt = this.#lastSent = renewedAt
  }

  /** Milliseconds since the departure of the last statement that was answered. */
  get silentMs(): number {
    return this.#host.clock.since(this.#renewedAt)
  }

  /** The departure of the last statement that was answered, by the monotonic clock. */
  get answeredAt(): number {
    return this.#renewedAt.monotonic
  }

  /** A statement leaves now. */
  sent(): Instant {
    return (this.#lastSent = this.#host.clock.instant())
  }

  /** The statement that left at `sentAt` was answered. */
  answered(sentAt: Instant): void {
    // Answers arrive in the order of the statements, but a batch that was sent later may have set it already.
    if (sentAt.monotonic > this.#renewedAt.monotonic) this.#renewedAt = sentAt
  }

  /** Checked at every use, because timers are late after a pause. */
  verify(): void {
    const { silentMs } = this
    if (silentMs >= this.#safeMs) this.#host.leaseOver(silentMs)
  }

  /** Keeps the lease alive with one small statement per session, however many locks it has, and ends it when that fails. */
  start(): void {
    this.#cancelPulse = null
    const { silentMs } = this
    if (silentMs >= this.#safeMs) return this.#host.leaseOver(silentMs)
    const { clock, isExecuting } = this.#host
    if (!isExecuting && clock.since(this.#lastSent) >= this.#beatMs) this.#host.beat()
    const untilBeat = isExecuting ? this.#beatMs : this.#beatMs - clock.since(this.#lastSent)
    const delayMs = Math.max(Math.min(untilBeat, this.#safeMs - this.silentMs), 1)
    this.#cancelPulse = clock.after(delayMs, () => this.start())
  }

  stop(): void {
    this.#cancelPulse?.()
    this.#cancelPulse = null
  }
}

/** A session gives up this long before the server's own time is up: for different clock rates and one look at the clock. */
export function leaseMargin(leaseMs: number): number {
  return Math.max(200, leaseMs / 10)
}
