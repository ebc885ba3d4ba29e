import type { Cancel, Clock, Instant } from '../../base/clock.js'

export interface LeaseHost {
  readonly clock: Clock
  /** Whether a statement is on the wire, whose answer is a sign of life. */
  readonly isExecuting: boolean
  /** Asks the server for a sign of life. */
  beat(): void
  /** The server may have freed everything. */
  leaseOver(silentMs: number): void
}

/**
 * What keeps the locks of one session: a lease that the server grants, and that every statement renews. The server frees
 * the locks of a session it has not heard of for `leaseMs`. This side gives up some time before that, counted from when the
 * last statement that was answered was *sent*: the server's clock started later.
 */
export class SessionLease {
  readonly #host: LeaseHost
  readonly #beatMs: number
  readonly #safeMs: number
  #heardOf: Instant
  #lastSent: Instant
  #cancelPulse: Cancel | null = null

  /** `heardOf` is a moment before a statement was sent that the server has answered with the lease in force. */
  constructor(leaseMs: number, heardOf: Instant, host: LeaseHost) {
    this.#host = host
    this.#beatMs = leaseMs / 3
    this.#safeMs = leaseMs - leaseMargin(leaseMs)
    this.#heardOf = this.#lastSent = heardOf
  }

  /** Milliseconds since the last statement that was answered was sent. */
  get silentMs(): number {
    return this.#host.clock.since(this.#heardOf)
  }

  /** A statement leaves now. */
  sent(): Instant {
    return (this.#lastSent = this.#host.clock.instant())
  }

  /** The statement that left at `sentAt` was answered. */
  heard(sentAt: Instant): void {
    // Answers come in the order of the statements, but a batch sent later may have set it already.
    if (sentAt.monotonic > this.#heardOf.monotonic) this.#heardOf = sentAt
  }

  /** Asked at every use, because timers are late after a pause. */
  verify(): void {
    const { silentMs } = this
    if (silentMs >= this.#safeMs) this.#host.leaseOver(silentMs)
  }

  /** Keeps it alive with one small statement per session, whatever that holds, and ends it when it can't. */
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

/** How long before the server's own time is up a session gives up: for the clocks' rates and one look at the clock. */
export function leaseMargin(leaseMs: number): number {
  return Math.max(200, leaseMs / 10)
}
