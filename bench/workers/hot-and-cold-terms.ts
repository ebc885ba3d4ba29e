/** Until when, on the shared clock, its callers go on. */
export interface CrowdQuestion {
  readonly untilMs: number
}

/** What became of one process. */
export interface CrowdAnswer {
  /** Milliseconds of waiting that one in a thousand exceeds, of all keys. */
  readonly p999: number
  /** How often each caller had a hot key before the end. */
  readonly hotGrants: readonly number[]
  readonly errors: readonly string[]
}

export const CALLERS = 50
export const HOT_KEYS = 5
export const COLD_KEYS = 10_000
/** Of a hot key. A cold one is given back at once. */
export const HOLD_MS = 1
