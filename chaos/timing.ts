import type { Backend } from './options.js'

/** How long things take in a round. */
export interface Timing {
  readonly leaseMs: number
  /** A calm period, long enough to find waiters that get nothing. */
  readonly calmMs: number
  /** After a strike, its effects last for a lease, a connection attempt and a poll. */
  readonly echoMs: number
}

const ATTEMPT_AND_POLL_MS = 3000

const timing = (leaseMs: number, echoMs: number, calmMs: number): Timing => ({ leaseMs, echoMs, calmMs })

/** Leases of whole seconds, at least two. */
const NAMED = timing(2000, 2000 + ATTEMPT_AND_POLL_MS, 8000)

/** Each lock writes rows to disk, and only heartbeats renew rows, so on a busy machine that takes longer. */
const TIMINGS: Readonly<Record<Backend, Timing>> = {
  advisory: timing(1500, 1500 + ATTEMPT_AND_POLL_MS, 7000),
  named: NAMED,
  'named-shared': NAMED,
  table: timing(4000, 4000 * (5 / 3) + ATTEMPT_AND_POLL_MS, 13_000),
}

/**
 * The watchdog of a front waits for half a lease. That must be longer than a busy machine may leave the front without a turn.
 */
const FRONTS = timing(2500, 2500 + ATTEMPT_AND_POLL_MS, 9000)

interface Terms {
  readonly backend: Backend
  readonly hasFronts: boolean
}

export function timingOf({ backend, hasFronts }: Terms): Timing {
  return hasFronts ? FRONTS : TIMINGS[backend]
}
