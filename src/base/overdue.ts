import type { Clock } from './clock.js'
import { Deadlines, Expiring } from './deadlines.js'

/** The place in the code that took something. Reading `stack` formats it, which is the expensive part of a stack. */
export interface Origin {
  readonly stack?: string
}

/** The stack of the caller of the method of `owner` that is running. */
export function originOf<O extends object>(owner: O, method: keyof O & string): Origin {
  const origin = {}
  Error.captureStackTrace(origin, owner[method] as () => void)
  return origin
}

/** One frame a line, the innermost first. */
export function originInWords(origin: Origin): string {
  return (origin.stack ?? '').split('\n').slice(1).join('\n')
}

/** Something that a caller took and should return. */
export class Outstanding<T> extends Expiring {
  readonly what: T
  readonly origin: Origin
  readonly #report: (outstanding: Outstanding<T>) => void

  constructor(what: T, origin: Origin, report: (outstanding: Outstanding<T>) => void) {
    super()
    this.what = what
    this.origin = origin
    this.#report = report
  }

  override expire(): void {
    this.#report(this)
  }
}

/** Reports what is held for too long, once for each. */
export class OverdueWatch<T> {
  readonly #afterMs: number
  readonly #deadlines: Deadlines
  readonly #outstanding = new Set<Outstanding<T>>()
  readonly #report: (outstanding: Outstanding<T>) => void

  constructor(clock: Clock, afterMs: number, report: (outstanding: Outstanding<T>) => void) {
    this.#afterMs = afterMs
    this.#deadlines = new Deadlines(clock)
    this.#report = report
  }

  begin(what: T, origin: Origin): Outstanding<T> {
    const outstanding = new Outstanding(what, origin, this.#report)
    this.#outstanding.add(outstanding)
    this.#deadlines.add(this.#afterMs, outstanding)
    return outstanding
  }

  end(outstanding: Outstanding<T>): void {
    if (this.#outstanding.delete(outstanding)) this.#deadlines.remove(outstanding)
  }

  /** Nothing more is reported, and no timer is left. */
  close(): void {
    for (const outstanding of [...this.#outstanding]) this.end(outstanding)
  }
}
