import { leaseMargin } from '../../lock/session/session-lease.js'

/** How a cluster decides on a failover, in milliseconds. */
export interface FailOverTimes {
  /** How long a primary that says nothing keeps its place: `ttl` of Patroni. */
  readonly ttlMs: number
  /** How often it renews that: `loop_wait` of Patroni. */
  readonly loopWaitMs: number
}

/** Patroni's defaults. */
export const USUAL_TIMES: FailOverTimes = { ttlMs: 30_000, loopWaitMs: 10_000 }

/** A lease held against a failover, in milliseconds. */
export interface LeaseRule {
  /** How long a holder that is frozen with its primary may believe in its lock. */
  readonly believesMs: number
  /** The earliest time at which there is another primary. */
  readonly soonestMs: number
  /** How long two may believe to hold the same lock in plain mode; 0 if never. */
  readonly overlapMs: number
  /** A lease must be below this; in whole seconds. */
  readonly belowMs: number
}

/**
 * Pure: whether a holder can still believe in its lock when a new primary grants it to another session. A primary renews its place
 * every `loopWaitMs`, so when it falls silent at least `ttlMs - loopWaitMs` are left.
 */
export function leaseRule(leaseMs: number, { ttlMs, loopWaitMs }: FailOverTimes): LeaseRule {
  const believesMs = leaseMs - leaseMargin(leaseMs)
  const soonestMs = Math.max(ttlMs - loopWaitMs, 0)
  return {
    believesMs,
    soonestMs,
    overlapMs: Math.max(believesMs - soonestMs, 0),
    belowMs: Math.floor(soonestMs / 900) * 1000,
  }
}
