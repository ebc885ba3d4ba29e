import type { Random } from './random.js'

/** How delays between attempts grow. Milliseconds. */
export interface Backoff {
  readonly firstMs: number
  readonly factor: number
  readonly capMs: number
  /** The part of a delay that chance decides, from 0 to 1: it spreads processes that fail together. */
  readonly jitter: number
}

/** The delay before attempt `attempt` (the first retry is 0). Jitter only lengthens, so `firstMs` bounds the rate. */
export function backoffDelay(backoff: Backoff, attempt: number, random: Random): number {
  const grown = Math.min(backoff.firstMs * backoff.factor ** attempt, backoff.capMs)
  return grown * (1 + backoff.jitter * random.next())
}
