import {
  durationOrInfinity,
  integer,
  oneOf,
  resolveOptions,
  text,
  type OptionTable,
} from '../base/options.js'
import { InvalidOptionError } from '../base/errors.js'
import { NAMESPACE } from '../dialect/check-key.js'
import { onExhaustedSpec, type OnExhausted } from '../pool/pool-options.js'

/** How a LockPool uses its server. Every duration is in milliseconds. */
export interface LockPoolOptions {
  /**
   * Connections kept open from `ready()` on.
   *
   * Default 1. From 0 to 1000.
   */
  readonly min?: number

  /**
   * The most server connections at once: lock sessions, checked-out connections and the one that listens. Locks share
   * connections, so this limits connections, not the number of locks. All but one may be lock sessions, and all but one may
   * be checked out, so that neither starves the other. With 1 everything takes turns, and waiting callers poll because there
   * is no connection to listen on.
   *
   * Default 5. From 1 to 1000.
   */
  readonly max?: number

  /**
   * The most callers that may wait, for a lock or for a connection. One more is refused at once with `POOL_SATURATED`.
   * Every call of `acquire` counts until it is answered, and so does every call of `acquireAll`, as one call.
   *
   * Default 10000. From 0 (no call may wait, not even for an answer) to 1000000.
   */
  readonly maxWaiting?: number

  /** What a caller gets when no connection is free and no more may be opened: see the type. Default `'wait'`. */
  readonly onExhausted?: OnExhausted

  /**
   * How long `acquire` may take in total: queueing, connecting, and waiting for the lock. After that it rejects with
   * `LOCK_TIMEOUT`, and the lock is certainly not held.
   *
   * Default 30000. From 0 (one attempt) to 86400000 (one day), or Infinity (wait forever).
   */
  readonly acquireTimeoutMs?: number

  /**
   * How long one attempt to connect may take, including the login. After a second without an answer a second attempt starts
   * in parallel, and hosts of a list are tried in parallel too, so this limits servers that answer and then stall.
   *
   * Default 3000. From 1 to 86400000 (one day).
   */
  readonly connectTimeoutMs?: number

  /**
   * What `acquire` does while the server cannot be reached or has no primary, as in a failover. `'wait'`: it waits until its
   * timeout, and then rejects with `LOCK_TIMEOUT`, with the phase `connecting` and the reason as its `cause`. `'fail'`: it
   * rejects at once with `CONNECTION_FAILED`. `'auto'`: a call with `timeoutMs` waits, one without fails. A permanent error, such
   * as a wrong password, rejects at once in any case. So do `tryAcquire`, a `timeoutMs` of 0, `ready` and checkouts.
   *
   * Default `'auto'`.
   */
  readonly whileDown?: 'wait' | 'fail' | 'auto'

  /**
   * Whether the pool continues if its address leads to another database cluster (another `system_identifier`) than before: a
   * restored copy, or a wrong DNS entry. Locks there have no effect on clients of the first one, so `'refuse'` rejects with
   * `CONNECTION_FAILED` until the process is restarted. A failover within a cluster is not such a change.
   *
   * Default `'refuse'`.
   */
  readonly otherCluster?: 'refuse' | 'allow'

  /**
   * How long the server keeps the locks of a process that has stopped responding. A heartbeat, one small statement per lock
   * session, is sent every third of it. The process declares its locks lost nine tenths of it after the last sign of life, or
   * 200 ms before its end if that is earlier.
   *
   * Default 15000. From 1000 to 86400000 (one day).
   */
  readonly leaseMs?: number

  /**
   * How long a connection above `min` may be idle before it is closed.
   *
   * Default 60000. From 0 to 86400000 (one day), or Infinity.
   */
  readonly idleTimeoutMs?: number

  /**
   * The maximum age of a connection, reduced by up to a tenth at random. A lock is never cut off.
   *
   * Default 1800000 (half an hour). From 1000 to 86400000 (one day), or Infinity.
   */
  readonly maxLifetimeMs?: number

  /**
   * How often a connection may be checked out before it is closed. A lock session counts as one checkout.
   *
   * Default Infinity. From 1 to 1000000000, or Infinity.
   */
  readonly maxUses?: number

  /**
   * Whether the process may exit while the pool has only idle connections. Held locks, checked-out connections and waiting
   * callers keep it alive. A lock session without locks is released after a second. Default false.
   */
  readonly allowExitOnIdle?: boolean

  /**
   * The most entries of the server's lock table for this pool; a key with waiters counts three. One more is refused with
   * `LOCK_TABLE_FULL`, because a full table makes statements of all programs fail. With `'auto'` all pools of the
   * server share half of its table (`max_locks_per_transaction` times `max_connections` plus
   * `max_prepared_transactions`); one alone gets three quarters of that, which is 2400 with PostgreSQL's defaults, and each
   * session of a pool half of `max_locks_per_transaction` whatever others do. A number overrides that, and is not announced
   * to other pools.
   *
   * Default `'auto'`. From 1 to 10000000.
   */
  readonly maxHeldLocks?: number | 'auto'

  /**
   * Names are hashed together with it: equal names in different namespaces are different locks.
   *
   * Default `''`. At most 200 characters.
   */
  readonly namespace?: string

  /**
   * The name of the connections in `pg_stat_activity`.
   *
   * Default `'lockpool'`. At most 63 characters.
   */
  readonly applicationName?: string

  /**
   * Whether locks have fencing tokens. `'auto'`: if the sequence `lockpool.fence` exists or may be created. Otherwise locks
   * still work, one warning says what is missing, and `lock.token` throws. `'off'`: never; saves the server a little work.
   *
   * Default `'auto'`.
   */
  readonly fencing?: 'auto' | 'off'

  /**
   * No two holders at once even if the server drops a lock early: a terminated session, a crash, a failover. Each hold has a
   * row in the table `lockpool.hold`. A grant after an unclean end waits for the lease of the previous holder (lock-delay);
   * callers must be ready to wait that long, and meanwhile `tryAcquire` returns null. Costs two row writes per hold, none for
   * a hand-off within the process, and one wait of `leaseMs` after each unclean end and each restart of the server. All pools
   * that share keys must be strict. The first one of a database decides the longest lease for all of them, at most 30 s; a
   * pool that asks for more uses that. `lockpool install --strict-lease` raises it. Without the table, and the right to create
   * or write it, locks are refused (`STRICT_UNAVAILABLE`).
   *
   * Default `false`.
   */
  readonly strict?: boolean

  /**
   * Whether the pool records names of keys in the table `lockpool.key_name`, and ages and labels of locks in
   * `lockpool.report`, for people who inspect locks: the server knows only numbers. Once a second: names of what is held or
   * waited for at that moment, and ages of what has lasted for two seconds, on a checked-out connection. `lockpool install`
   * creates the tables; without them, with `'off'`, with `fencing: 'off'` or a `max` of 1, nothing is recorded.
   *
   * Default `'auto'`.
   */
  readonly keyNames?: 'auto' | 'off'

  /**
   * A lock, a permit or a connection that is kept for longer is reported once, with the place where it was acquired:
   * `lock:overdue`, and `connection:overdue` of `connections`. One that is garbage-collected while held is released and
   * reported as `lock:forgotten` or `connection:forgotten`; so to hold one until the process ends, keep a reference to it. Use
   * this to find leaks: each acquire then takes its stack, which costs some microseconds.
   *
   * Default 0. From 0 (off) to 86400000 (one day).
   */
  readonly leakWarningMs?: number
}

const ONE_DAY_MS = 86_400_000

/** The single source of defaults and limits; the tidy test holds the comments above to it. */
export const LOCK_POOL_OPTIONS: OptionTable<LockPoolOptions> = {
  min: integer({ default: 1, min: 0, max: 1000 }),
  max: integer({ default: 5, min: 1, max: 1000 }),
  maxWaiting: integer({ default: 10_000, min: 0, max: 1_000_000 }),
  onExhausted: onExhaustedSpec,
  acquireTimeoutMs: durationOrInfinity({ default: 30_000, min: 0, max: ONE_DAY_MS }),
  connectTimeoutMs: integer({ default: 3000, min: 1, max: ONE_DAY_MS }),
  whileDown: oneOf(['wait', 'fail', 'auto'], 'auto'),
  otherCluster: oneOf(['refuse', 'allow'], 'refuse'),
  leaseMs: integer({ default: 15_000, min: 1000, max: ONE_DAY_MS }),
  idleTimeoutMs: durationOrInfinity({ default: 60_000, min: 0, max: ONE_DAY_MS }),
  maxLifetimeMs: durationOrInfinity({ default: 1_800_000, min: 1000, max: ONE_DAY_MS }),
  maxUses: durationOrInfinity({ default: Infinity, min: 1, max: 1_000_000_000 }),
  allowExitOnIdle: oneOf([false, true], false),
  maxHeldLocks: {
    default: 'auto',
    min: 1,
    max: 10_000_000,
    problem: (value) => {
      const isCount = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 10_000_000
      return value === 'auto' || isCount ? null : 'must be "auto" or an integer from 1 to 10000000'
    },
  },
  namespace: NAMESPACE,
  applicationName: text('lockpool', 63),
  fencing: oneOf(['auto', 'off'], 'auto'),
  strict: oneOf([false, true], false),
  keyNames: oneOf(['auto', 'off'], 'auto'),
  leakWarningMs: integer({ default: 0, min: 0, max: ONE_DAY_MS }),
}

/** @throws {InvalidOptionError} naming every problem at once, `more` of them found elsewhere, where `others` are known. */
export function resolveLockPoolOptions(
  options: LockPoolOptions,
  more: readonly string[] = [],
  others: readonly string[] = [],
): Required<LockPoolOptions> {
  const problems = [...more]
  try {
    const resolved = resolveOptions(options, LOCK_POOL_OPTIONS, others)
    if (resolved.min > resolved.max)
      problems.push(`"min" (${resolved.min}) is more than "max" (${resolved.max})`)
    if (problems.length === 0) return resolved
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error
    problems.unshift(...error.problems)
  }
  throw new InvalidOptionError(problems)
}
