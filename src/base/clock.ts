import { performance } from 'node:perf_hooks'
import { onAbort, type Cancel } from './on-abort.js'

export type { Cancel } from './on-abort.js'

/** A moment on both clocks, to distinguish time spent suspended from time spent running. */
export interface Instant {
  /** Milliseconds, from an arbitrary zero. Stands still while the machine is suspended. */
  readonly monotonic: number
  /** Milliseconds since 1970. It can be set. */
  readonly wall: number
}

/** The only source of time: no other code in this package reads a clock or sets a timer. Milliseconds. */
export interface Clock {
  /** Monotonic, from an arbitrary zero. */
  now(): number

  /** This moment, on both clocks. */
  instant(): Instant

  /**
   * Time since `then`, by whichever clock advanced more. The monotonic clock stands still while the machine is
   * suspended, and the wall clock can be set back; the larger of the two is the one a lease may rely on.
   */
  since(then: Instant): number

  /**
   * Runs `action` once after `delayMs`. `Infinity` never fires. With `keepsProcess` false a process with nothing else to do
   * ends without it.
   */
  after(delayMs: number, action: () => void, keepsProcess?: boolean): Cancel
}

/** `setTimeout` fires at once for anything longer (Node documents 2^31 - 1). */
const LONGEST_TIMER_MS = 2 ** 31 - 1

const nothing: Cancel = () => undefined

class SystemClock implements Clock {
  now(): number {
    return performance.now()
  }

  instant(): Instant {
    return { monotonic: performance.now(), wall: Date.now() }
  }

  since(then: Instant): number {
    return Math.max(performance.now() - then.monotonic, Date.now() - then.wall)
  }

  after(delayMs: number, action: () => void, keepsProcess = true): Cancel {
    if (delayMs === Infinity) return nothing
    const timer = setTimeout(action, Math.min(Math.max(Math.ceil(delayMs), 0), LONGEST_TIMER_MS))
    if (!keepsProcess) timer.unref()
    return () => clearTimeout(timer)
  }
}

export const systemClock: Clock = new SystemClock()

/**
 * The system clock through the current globals. A test framework replaces them to fake timers. A real clock next to fake
 * timers would never let a wait end.
 */
class GlobalClock extends SystemClock {
  override now(): number {
    return globalThis.performance.now()
  }

  override instant(): Instant {
    return { monotonic: this.now(), wall: Date.now() }
  }

  override since(then: Instant): number {
    return Math.max(this.now() - then.monotonic, Date.now() - then.wall)
  }
}

export const globalClock: Clock = new GlobalClock()

/** Resolves after `delayMs`, or as soon as `signal` aborts: the caller checks the signal to find out which. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const wake = (): void => {
      cancel()
      forgetSignal?.()
      resolve()
    }
    const cancel = clock.after(delayMs, wake)
    const forgetSignal = signal && onAbort(signal, wake)
  })
}
