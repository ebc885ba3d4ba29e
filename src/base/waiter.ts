import type { Cancel } from './clock.js'
import { Deferred } from './deferred.js'
import { Expiring, type Deadlines } from './deadlines.js'
import type { Queueable } from './fifo.js'
import { onAbort } from './on-abort.js'

/** The first flag; subclasses define others. */
const GONE = 1

/**
 * One caller in a queue. It leaves exactly once: served, refused, out of time, or aborted. After that it has no deadline and
 * no listener. The code that offers it a value learns whether it was still there; if not, the value stays with that code.
 */
export abstract class Waiter<T> extends Expiring implements Queueable {
  readonly promise: Promise<T>
  previous: Queueable | null = null
  next: Queueable | null = null
  queue: object | null = null
  #resolve: (value: T) => void
  #reject: (reason: unknown) => void
  /** Stops listening to the signal. */
  #unsubscribe: Cancel | null = null
  /** Flags, one bit each. There may be very many waiters: a field for each flag would be a tenth of their memory. */
  #flags = 0

  /** `timeoutMs` may be `Infinity`. A signal that is aborted already must be refused before it becomes a waiter. */
  constructor(deadlines: Deadlines, timeoutMs: number, signal: AbortSignal | undefined, now: number) {
    super()
    const { promise, resolve, reject } = new Deferred<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    if (timeoutMs !== Infinity) deadlines.add(timeoutMs, this, now)
    if (signal !== undefined) this.#followSignal(signal)
  }

  get isGone(): boolean {
    return this.has(GONE)
  }

  /** How much of its time remains, in milliseconds. */
  remainingMs(now: number): number {
    return this.lane === null ? Infinity : this.dueAt - now
  }

  /** False means that the caller has gone, and `value` still belongs to the giver. */
  offer(value: T): boolean {
    if (!this.#leave(value)) return false
    this.#resolve(value)
    return true
  }

  refuse(reason: unknown): boolean {
    if (!this.#leave(undefined)) return false
    this.#reject(reason)
    return true
  }

  /**
   * Takes the waiter out of the queue before there is a value for it; `fulfil` or `fail` must follow. For a value that
   * foreign code helps to make: while that code runs, no other code can serve, refuse or abort this waiter.
   */
  dequeue(): boolean {
    return this.#leave(undefined)
  }

  /** Ends a claimed waiter with a value. */
  fulfil(value: T): void {
    this.#resolve(value)
  }

  /** Ends a claimed waiter with an error. */
  fail(reason: unknown): void {
    this.#reject(reason)
  }

  expire(deadlines: Deadlines): void {
    this.outOfTime(deadlines)
  }

  /** Called at the deadline. It usually refuses the caller; it may also add itself to the deadlines for a little more time. */
  protected abstract outOfTime(deadlines: Deadlines): void

  /** Called once, before the caller gets its answer: with the value, or with undefined if the caller is refused or claimed. */
  protected abstract gone(value: T | undefined): void

  protected has(flag: number): boolean {
    return (this.#flags & flag) !== 0
  }

  protected setFlag(flag: number, is = true): void {
    if (is) this.#flags |= flag
    else this.#flags &= ~flag
  }

  // A separate method, because V8 allocates the variables that a closure captures even if it never makes the closure.
  #followSignal(signal: AbortSignal): void {
    this.#unsubscribe = onAbort(signal, () => void this.refuse(signal.reason))
  }

  #leave(value: T | undefined): boolean {
    if (this.isGone) return false
    this.setFlag(GONE)
    this.callOff()
    this.#unsubscribe?.()
    this.#unsubscribe = null
    this.gone(value)
    return true
  }
}
