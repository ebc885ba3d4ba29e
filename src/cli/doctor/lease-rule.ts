import { leaseMargin } from '../../lock/session/session-lease.js'

/** How a cluster decides on a failover, in milliseconds. */
export interface FailOverTimes {
  /** How long a silent primary keeps its role: `ttl` of Patroni. */
  readonly ttlMs: number
  /** How often the primary renews its role: `loop_wait` of Patroni. */
  readonly loopWaitMs: number
}

/** Patroni's defaults. */
export const USUAL_TIMES: FailOverTimes = { ttlMs: 30_000, loopWaitMs: 10_000 }

/** A lease compared with a failover, in milliseconds. */
export interface LeaseRule {
  /** How long a holder that is frozen with its primary may believe in its lock. */
  readonly believesMs: number
  /** When another primary may appear, at the earliest. */
  readonly soonestMs: number
  /** How long two holders may believe that they hold the same lock in plain mode; 0 if never. */
  readonly overlapMs: number
  /** A lease must be shorter than this; in whole seconds. */
  readonly belowMs: number
}

/**
 * Pure: whether a holder can still believe in its lock when a new primary grants it to another session. A primary renews its
 * role every `loopWaitMs`. So when it falls silent, at least `ttlMs - loopWaitMs` remain.
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
