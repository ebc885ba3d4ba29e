import type { Cancel, Clock, Instant } from '../../src/base/clock.js'
import type { Gate } from './gate.js'

/**
 * The shortest delay before a timer that fired too early fires again. Clocks with other rates have fractions of milliseconds.
 * With a delay of 0 such a timer would fire again at the same instant, without an end.
 */
const SHORTEST_MS = 1e-6

/**
 * The clocks of one process, derived from the clock of the simulated world. They have their own rate. The wall clock can be
 * set, and the monotonic clock stands still while the machine sleeps. Timers fire through the gate of the process.
 */
export class ProcessClock implements Clock {
  readonly #world: Clock
  readonly #gate: Gate
  readonly #rate: number
  readonly #timers = new Set<Cancel>()
  /** How much time the monotonic clock has missed, in its own milliseconds. */
  #sleptMs = 0
  #asleepSince: number | null = null
  #wallStepMs = 0

  constructor(world: Clock, gate: Gate, rate: number) {
    this.#world = world
    this.#gate = gate
    this.#rate = rate
  }

  now(): number {
    return (this.#asleepSince ?? this.#running()) - this.#sleptMs
  }

  instant(): Instant {
    return { monotonic: this.now(), wall: this.#running() + this.#wallStepMs }
  }

  since(then: Instant): number {
    const { monotonic, wall } = this.instant()
    return Math.max(monotonic - then.monotonic, wall - then.wall)
  }

  after(delayMs: number, action: () => void): Cancel {
    if (delayMs === Infinity) return () => undefined
    const due = this.now() + Math.max(delayMs, 0)
    let isOver = false
    let cancelWorld: Cancel
    const cancel = (): void => {
      isOver = true
      cancelWorld()
      this.#timers.delete(cancel)
    }
    const fire = (): void => {
      if (isOver) return
      // The clock may have stood still meanwhile.
      if (due > this.now()) return arm(SHORTEST_MS)
      cancel()
      action()
    }
    const arm = (leastMs: number): void => {
      const delay = Math.max((due - this.now()) / this.#rate, leastMs)
      cancelWorld = this.#world.after(delay, () => this.#gate.fire(fire))
    }
    arm(0)
    this.#timers.add(cancel)
    return cancel
  }

  /** The machine sleeps: the monotonic clock stands still. */
  sleep(): void {
    this.#asleepSince ??= this.#running()
  }

  wake(): void {
    if (this.#asleepSince === null) return
    this.#sleptMs += this.#running() - this.#asleepSince
    this.#asleepSince = null
  }

  setWall(byMs: number): void {
    this.#wallStepMs += byMs
  }

  /** Cancels all timers, because the process has ended. */
  die(): void {
    for (const cancel of this.#timers) cancel()
  }

  #running(): number {
    return this.#world.now() * this.#rate
  }
}
