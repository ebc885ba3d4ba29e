import type { Cancel } from './clock.js'
import { Deferred } from './deferred.js'
import { Expiring, type Deadlines } from './deadlines.js'
import type { Queueable } from './fifo.js'
import { onAbort } from './on-abort.js'

/** The first flag; subclasses define others. */
const LEFT = 1

/**
 * One caller in a queue. It leaves exactly once: served, refused, out of time, or aborted; after that no deadline and no
 * listener of it is left. The code that serves it learns whether it was still there, so that a value for a caller that
 * has just gone stays where it was.
 */
export abstract class Waiter<T> extends Expiring implements Queueable {
  readonly promise: Promise<T>
  previous: Queueable | null = null
  next: Queueable | null = null
  queue: object | null = null
  #resolve: (value: T) => void
  #reject: (reason: unknown) => void
  /** Takes it off the signal again. */
  #forgetSignal: Cancel | null = null
  /** What is known of it, a bit each. There may be very many waiters: a field for each would be a tenth of their memory. */
  #marks = 0

  /** `timeoutMs` may be `Infinity`. A signal that is aborted already must be refused before it becomes a waiter. */
  constructor(deadlines: Deadlines, timeoutMs: number, signal: AbortSignal | undefined, now: number) {
    super()
    const { promise, resolve, reject } = new Deferred<T>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    if (timeoutMs !== Infinity) deadlines.add(timeoutMs, this, now)
    if (signal !== undefined) this.#heed(signal)
  }

  get hasLeft(): boolean {
    return this.has(LEFT)
  }

  /** Of its time, in milliseconds. */
  leftMs(now: number): number {
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
   * Takes it out of the queue before there is anything to give it; `fulfil` or `fail` must follow. For a value that
   * foreign code helps to make: whatever that code does, this waiter cannot be served, refused or aborted meanwhile.
   */
  claim(): boolean {
    return this.#leave(undefined)
  }

  /** Of one that was claimed. */
  fulfil(value: T): void {
    this.#resolve(value)
  }

  /** Of one that was claimed. */
  fail(reason: unknown): void {
    this.#reject(reason)
  }

  expire(deadlines: Deadlines): void {
    this.outOfTime(deadlines)
  }

  /** Called at the deadline. Usually refuses; may add itself to the deadlines for a little more time first. */
  protected abstract outOfTime(deadlines: Deadlines): void

  /** Called once, on leaving, before the caller learns of it: served with `value`, or refused. */
  protected abstract left(value: T | undefined): void

  protected has(mark: number): boolean {
    return (this.#marks & mark) !== 0
  }

  protected mark(mark: number, is = true): void {
    if (is) this.#marks |= mark
    else this.#marks &= ~mark
  }

  // On its own, as every closure on the way of each caller: what it captures is allocated whether it is made or not.
  #heed(signal: AbortSignal): void {
    this.#forgetSignal = onAbort(signal, () => void this.refuse(signal.reason))
  }

  #leave(value: T | undefined): boolean {
    if (this.hasLeft) return false
    this.mark(LEFT)
    this.callOff()
    this.#forgetSignal?.()
    this.#forgetSignal = null
    this.left(value)
    return true
  }
}
