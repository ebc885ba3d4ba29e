import type { Cancel, Clock, Instant } from '../../src/base/clock.js'
import type { Gate } from './gate.js'

/** Clocks that run at another rate have fractions, and time has to go on, or a timer that is early by one would never end. */
const SHORTEST_MS = 1e-6

/**
 * The clocks of one process, on the time of the world: they run at a rate of their own, the wall clock can be set, and the
 * monotonic one stands still while the machine sleeps. Timers fire through the gate of the process.
 */
export class ProcessClock implements Clock {
  readonly #world: Clock
  readonly #gate: Gate
  readonly #rate: number
  readonly #timers = new Set<Cancel>()
  /** What the monotonic clock has missed, in its own milliseconds. */
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

  /** Sets the wall clock. */
  setWall(byMs: number): void {
    this.#wallStepMs += byMs
  }

  /** No timer fires any more. */
  die(): void {
    for (const cancel of this.#timers) cancel()
  }

  #running(): number {
    return this.#world.now() * this.#rate
  }
}
