import { durationOrInfinity, integer, oneOf, type OptionSpec, type OptionTable } from '../base/options.js'

/**
 * What a caller gets when no connection is free and no more may be opened: `'wait'` for one, `'fail'` at once with
 * `POOL_EXHAUSTED`, or look again `attempts` times, `backoffMs` apart, and then fail.
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
   * The most callers that may wait. One more is refused at once with `POOL_SATURATED`, because a queue nobody bounds
   * hides an outage.
   *
   * Default 10000. From 0 (never wait) to 1000000.
   */
  readonly maxWaiting?: number

  /** What a caller gets when no connection is free: see the type. Default `'wait'`. */
  readonly onExhausted?: OnExhausted

  /**
   * How long `connect` may take in all, queueing and opening included, unless the call says otherwise. Past it, it
   * rejects with `LOCK_TIMEOUT`.
   *
   * Default 30000. From 0 (what can be had at once) to 86400000 (one day), or Infinity.
   */
  readonly acquireTimeoutMs?: number

  /**
   * How long opening one connection may take. It goes on when the caller who asked for it has given up.
   *
   * Default 10000. From 1 to 86400000 (one day).
   */
  readonly connectTimeoutMs?: number

  /**
   * How long a connection above `min` may idle before it is closed.
   *
   * Default 60000. From 0 (close on return) to 86400000 (one day), or Infinity.
   */
  readonly idleTimeoutMs?: number

  /**
   * How old a connection may grow; up to a tenth less, by chance, so that those opened together do not end together.
   * Never cuts off a borrower.
   *
   * Default 1800000 (half an hour). From 1000 to 86400000 (one day), or Infinity.
   */
  readonly maxLifetimeMs?: number

  /**
   * How often a connection may be lent before it is closed.
   *
   * Default Infinity. From 1 to 1000000000, or Infinity.
   */
  readonly maxUses?: number

  /**
   * A connection that has idled for longer is checked before it is handed out. One round trip, paid only then.
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

  /** Whether `min` connections are opened at once, rather than at the first `ready()` or `connect()`. Default true. */
  readonly openAtStart?: boolean

  /**
   * Whether a process that has nothing to do but to keep idle connections ends. What is borrowed, and who waits, keeps it
   * as ever. Needs a factory with `ref` and `unref`. Default false.
   */
  readonly allowExitOnIdle?: boolean

  /**
   * A connection that is borrowed for longer is reported once, with where it was taken: `connection:overdue`. Loans that
   * can be asked back are not. And what a borrower has forgotten is given back, and reported as `connection:forgotten`, if
   * the factory gives each borrower an object of his own (`lease`).
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

/** What the ranges of single options can't say. */
export function poolOptionConflicts(options: { min: number; max: number; reserved: number }): string[] {
  const problems: string[] = []
  if (options.min > options.max) problems.push(`"min" (${options.min}) is more than "max" (${options.max})`)
  if (options.reserved >= options.max) {
    problems.push(`"reserved" (${options.reserved}) leaves nothing of "max" (${options.max})`)
  }
  return problems
}
