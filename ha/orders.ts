/** The orders for a worker, as JSON. */
export interface HaOrders {
  readonly process: string
  readonly url: string
  readonly journal: string
  readonly leaseMs: number
  readonly isStrict: boolean
}

/** Held for as long as possible. */
export const LONG_KEY = 'long'

/** Held for a moment, again and again. */
export const CYCLE_KEY = 'cycle'

/** The timeout of the callers. */
export const WITHIN_MS = 120_000
