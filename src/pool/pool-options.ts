import { durationOrInfinity, integer, oneOf, type OptionSpec, type OptionTable } from '../base/options.js'

/**
 * What happens when no connection is free and no more may be opened: `'wait'` for one, `'fail'` at once with
 * `POOL_EXHAUSTED`, or retry `attempts` times, `backoffMs` apart, and then fail.
 */
export type OnExhausted =
  'wait' | 'fail' | { readonly retry: { readonly attempts: number; readonly backoffMs: number } }

/** How a pool keeps connections. Every duration is in milliseconds. */
export interface PoolOptions {
  /**
   * Connections kept open. They are opened at the start, and again when one ends.
   *
   * Default 0. From 0 to 1000.
   */
  readonly min?: number

  /**
   * The most connections at once, counting those still opening or closing.
   *
   * Default 10. From 1 to 1000.
   */
  readonly max?: number

  /**
   * Connections out of `max` that only `connect({ reserved: true })` may take, as PostgreSQL's own
   * `reserved_connections`: so that one kind of work can't starve another. Must be less than `max`.
   *
   * Default 0. From 0 to 999.
   */
  readonly reserved?: number

  /**
   * The most callers that may wait. One more is refused at once with `POOL_SATURATED`, because an unbounded queue
   * hides an outage.
   *
   * Default 10000. From 0 (never wait) to 1000000.
   */
  readonly maxWaiting?: number

  /** What a caller gets when no connection is free: see the type. Default `'wait'`. */
  readonly onExhausted?: OnExhausted

  /**
   * How long `connect` may take in total, including queueing and opening, unless the call has its own limit. After that it
   * rejects with `LOCK_TIMEOUT`.
   *
   * Default 30000. From 0 (only what is available at once) to 86400000 (one day), or Infinity.
   */
  readonly acquireTimeoutMs?: number

  /**
   * How long opening one connection may take. It continues if the caller that asked for it has given up.
   *
   * Default 10000. From 1 to 86400000 (one day).
   */
  readonly connectTimeoutMs?: number

  /**
   * How long a connection above `min` may be idle before it is closed.
   *
   * Default 60000. From 0 (close on return) to 86400000 (one day), or Infinity.
   */
  readonly idleTimeoutMs?: number

  /**
   * The maximum age of a connection, reduced by up to a tenth at random, so that connections opened together do not end
   * together. A borrower is never cut off.
   *
   * Default 1800000 (half an hour). From 1000 to 86400000 (one day), or Infinity.
   */
  readonly maxLifetimeMs?: number

  /**
   * How often a connection may be checked out before it is closed.
   *
   * Default Infinity. From 1 to 1000000000, or Infinity.
   */
  readonly maxUses?: number

  /**
   * A connection that has been idle for longer is checked before it is handed out. That costs one round trip, only then.
   *
   * Default 1000. From 0 to 86400000 (one day), or Infinity (never).
   */
  readonly checkAfterIdleMs?: number

  /**
   * How long checking, cleaning or closing one connection may take before it is destroyed.
   *
   * Default 2000. From 1 to 86400000 (one day).
   */
  readonly closeTimeoutMs?: number

  /** Whether `min` connections are opened at once, instead of at the first `ready()` or `connect()`. Default true. */
  readonly openAtStart?: boolean

  /**
   * Whether the process may exit while the pool has only idle connections. Checked-out connections and waiting callers keep it
   * alive. Needs a factory with `ref` and `unref`. Default false.
   */
  readonly allowExitOnIdle?: boolean

  /**
   * A connection that is checked out for longer is reported once, with the place where it was taken: `connection:overdue`.
   * Checkouts with `onWanted` are not. A connection whose borrower's handle was garbage-collected is checked in and reported
   * as `connection:forgotten`, if the factory gives each borrower a separate object (`lease`).
   *
   * Default 0. From 0 (off) to 86400000 (one day).
   */
  readonly leakWarningMs?: number
}

const ONE_DAY_MS = 86_400_000

export const onExhaustedSpec: OptionSpec<OnExhausted> = {
  default: 'wait',
  problem: (value) => {
    const retry = (value as { retry?: { attempts?: unknown; backoffMs?: unknown } } | null)?.retry
    const isRetry =
      typeof retry === 'object' &&
      retry !== null &&
      integer({ default: 1, min: 1, max: 1000 }).problem(retry.attempts) === null &&
      integer({ default: 1, min: 1, max: ONE_DAY_MS }).problem(retry.backoffMs) === null
    return value === 'wait' || value === 'fail' || isRetry
      ? null
      : 'must be "wait", "fail" or { retry: { attempts: 1 to 1000, backoffMs: 1 to 86400000 } }'
  },
}

/** The single source of defaults and limits; the tidy test holds the comments above to it. */
export const POOL_OPTIONS: OptionTable<PoolOptions> = {
  min: integer({ default: 0, min: 0, max: 1000 }),
  max: integer({ default: 10, min: 1, max: 1000 }),
  reserved: integer({ default: 0, min: 0, max: 999 }),
  maxWaiting: integer({ default: 10_000, min: 0, max: 1_000_000 }),
  onExhausted: onExhaustedSpec,
  acquireTimeoutMs: durationOrInfinity({ default: 30_000, min: 0, max: ONE_DAY_MS }),
  connectTimeoutMs: integer({ default: 10_000, min: 1, max: ONE_DAY_MS }),
  idleTimeoutMs: durationOrInfinity({ default: 60_000, min: 0, max: ONE_DAY_MS }),
  maxLifetimeMs: durationOrInfinity({ default: 1_800_000, min: 1000, max: ONE_DAY_MS }),
  maxUses: durationOrInfinity({ default: Infinity, min: 1, max: 1_000_000_000 }),
  checkAfterIdleMs: durationOrInfinity({ default: 1000, min: 0, max: ONE_DAY_MS }),
  closeTimeoutMs: integer({ default: 2000, min: 1, max: ONE_DAY_MS }),
  openAtStart: oneOf([true, false], true),
  allowExitOnIdle: oneOf([false, true], false),
  leakWarningMs: integer({ default: 0, min: 0, max: ONE_DAY_MS }),
}

/** Conflicts between options. */
export function poolOptionConflicts(options: { min: number; max: number; reserved: number }): string[] {
  const problems: string[] = []
  if (options.min > options.max) problems.push(`"min" (${options.min}) is more than "max" (${options.max})`)
  if (options.reserved >= options.max) {
    problems.push(`"reserved" (${options.reserved}) leaves nothing of "max" (${options.max})`)
  }
  return problems
}
