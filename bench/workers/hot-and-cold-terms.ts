/** The time of the shared clock until which the callers go on. */
export interface CrowdQuestion {
  readonly untilMs: number
}

/** The result of one process. */
export interface CrowdAnswer {
  /** The 99.9th percentile of the wait for a key, in milliseconds. */
  readonly p999: number
  /** How often each caller got a hot key before the end. */
  readonly hotGrants: readonly number[]
  readonly errors: readonly string[]
}

export const CALLERS = 50
export const HOT_KEYS = 5
export const COLD_KEYS = 10_000
/** The time for which a caller holds a hot key. It releases a cold key at once. */
export const HOLD_MS = 1
