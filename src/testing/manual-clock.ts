import type { Cancel, Clock, Instant } from '../base/clock.js'
import { TimerHeap, type Due } from './timer-heap.js'

interface Timer extends Due {
  readonly action: () => void
}

/** A clock that moves only when a test advances it. */
export class ManualClock implements Clock {
  #monotonic = 0
  #wall = 1_000_000
  #order = 0
  readonly #timers = new TimerHeap<Timer>()
  #fired = 0

  /** Timers that have not fired and were not canceled. */
  get armed(): number {
    return this.#timers.size
  }

  /** Timers that have fired so far. */
  get fired(): number {
    return this.#fired
  }

  /** Milliseconds since it was created, without those spent suspended. */
  now(): number {
    return this.#monotonic
  }

  /** The current time of both clocks. */
  instant(): Instant {
    return { monotonic: this.#monotonic, wall: this.#wall }
  }

  /** By the clock that advanced more. */
  since(then: Instant): number {
    return Math.max(this.#monotonic - then.monotonic, this.#wall - then.wall)
  }

  /** Sets a timer, which fires when the clock moves past it. */
  after(delayMs: number, action: () => void): Cancel {
    if (delayMs === Infinity) return () => undefined
    const timer = { at: this.#monotonic + Math.max(delayMs, 0), order: this.#order++, place: -1, action }
    this.#timers.add(timer)
    return () => this.#timers.remove(timer)
  }

  /** Lets time pass. Timers fire in order, each at its time, and timers that they set fire too if they fall due. */
  advance(ms: number): void {
    const end = this.#monotonic + ms
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) this.#fire(timer)
    this.#moveTo(end)
  }

  /** Like `advance`, but lets promises settle after every timer: for code that continues after an await. */
  async run(ms: number): Promise<void> {
    const end = this.#monotonic + ms
    await settle()
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#fire(timer)
      await promisesSettled()
    }
    this.#moveTo(end)
    await settle()
  }

  /** The process is suspended: the wall clock continues, the monotonic one does not, and no timer fires. */
  suspend(ms: number): void {
    this.#wall += ms
  }

  /**
   * The process is stopped, or its event loop blocked: both clocks continue, and timers fire late, at the next `advance`.
   */
  stall(ms: number): void {
    this.#monotonic += ms
    this.#wall += ms
  }

  #next(end: number): Timer | undefined {
    const { first } = this.#timers
    return first === undefined || first.at > end ? undefined : first
  }

  #fire(timer: Timer): void {
    this.#timers.remove(timer)
    this.#moveTo(Math.max(timer.at, this.#monotonic))
    this.#fired++
    timer.action()
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }
}

/** Lets everything run that waits only for promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Like `settle`, but without a turn of the event loop, which takes several times as long. Outside events do not arrive. */
function promisesSettled(): Promise<void> {
  // A tick that is requested in a promise comes when the queue of promises is empty, and not before.
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)))
}
