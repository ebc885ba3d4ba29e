/** What a worker is told when it starts, as JSON. */
export interface HaOrders {
  readonly process: string
  readonly url: string
  readonly journal: string
  readonly leaseMs: number
  readonly isStrict: boolean
}

/** Held for as long as can be. */
export const LONG_KEY = 'long'

/** Taken for a moment, again and again. */
export const CYCLE_KEY = 'cycle'

/** How long callers say that they wait. */
export const WITHIN_MS = 120_000
