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
   * The most server connections at once, whatever happens: lock sessions, transactions and the one that listens. Locks
   * share connections, so this bounds what the server sees, not what may be held. All but one may be lock sessions, and
   * all but one may be borrowed, so that neither starves the other; with 1 everything takes turns, and waiting callers
   * poll because there is no connection to listen on.
   *
   * Default 5. From 1 to 1000.
   */
  readonly max?: number

  /**
   * The most callers that may wait, for a lock or for a connection. One more is refused at once with `POOL_SATURATED`.
   * Every call of `acquire` counts until it is answered, and so does every call of `acquireAll`, as one.
   *
   * Default 10000. From 0 (nobody ever waits, not even for an answer) to 1000000.
   */
  readonly maxWaiting?: number

  /** What a caller gets when no connection is free and no more may be opened: see the type. Default `'wait'`. */
  readonly onExhausted?: OnExhausted

  /**
   * How long `acquire` may take in all: queueing, connecting, and waiting for the lock. Past it, it rejects with
   * `LOCK_TIMEOUT`, and the lock is certainly not held.
   *
   * Default 30000. From 0 (one attempt) to 86400000 (one day), or Infinity (wait for ever).
   */
  readonly acquireTimeoutMs?: number

  /**
   * How long one attempt to connect may take, logging in included. One that has been silent for a second gets another beside
   * it, and hosts of a list are asked one beside the other, so this is for what answers and does not come to an end.
   *
   * Default 3000. From 1 to 86400000 (one day).
   */
  readonly connectTimeoutMs?: number

  /**
   * What `acquire` does while the server can't be reached or has no primary, as in a fail-over. `'wait'`: it waits until its time
   * is up, and then rejects with `LOCK_TIMEOUT`, whose phase is `connecting` and whose `cause` says what was wrong. `'fail'`: it
   * rejects at once with `CONNECTION_FAILED`. `'auto'`: a call that says `timeoutMs` waits, and one that does not fails. What no
   * time mends, as a wrong password, rejects at once in any case. So do `tryAcquire`, a `timeoutMs` of 0, `ready` and borrowing.
   *
   * Default `'auto'`.
   */
  readonly whileDown?: 'wait' | 'fail' | 'auto'

  /**
   * Whether the pool goes on when its address leads to another database cluster (another `system_identifier`) than before: a
   * restored copy, or a wrong entry in DNS. Locks there exclude nobody who is still with the first one, so `'refuse'` rejects
   * with `CONNECTION_FAILED` until the process is started anew. A fail-over within a cluster is no such change.
   *
   * Default `'refuse'`.
   */
  readonly otherCluster?: 'refuse' | 'allow'

  /**
   * How long the server keeps the locks of a process it does not hear of. A third of it is the rhythm of the heartbeats,
   * one small statement per lock session. Nine tenths of it after the last sign of life, or 200 ms before its end if that
   * is earlier, the process declares its locks lost by itself.
   *
   * Default 15000. From 1000 to 86400000 (one day).
   */
  readonly leaseMs?: number

  /**
   * How long a connection above `min` may be of no use before it is closed.
   *
   * Default 60000. From 0 to 86400000 (one day), or Infinity.
   */
  readonly idleTimeoutMs?: number

  /**
   * How old a connection may grow, up to a tenth less by chance. Never cuts off a lock.
   *
   * Default 1800000 (half an hour). From 1000 to 86400000 (one day), or Infinity.
   */
  readonly maxLifetimeMs?: number

  /**
   * How often a connection may be lent before it is closed, a lock session being one loan.
   *
   * Default Infinity. From 1 to 1000000000, or Infinity.
   */
  readonly maxUses?: number

  /**
   * Whether a process ends that has nothing to do but to keep idle connections. What is held, borrowed or waited for keeps
   * it as ever, and a lock session that holds nothing is given back after a second. Default false.
   */
  readonly allowExitOnIdle?: boolean

  /**
   * The most entries this pool takes of the server's lock table, counting three for a key that is waited for. One more is
   * refused with `LOCK_TABLE_FULL`, because a full table breaks everybody's statements. With `'auto'` all pools of the
   * server share a half of its table (`max_locks_per_transaction` times `max_connections` plus
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
   * How the connections show in `pg_stat_activity`.
   *
   * Default `'lockpool'`. At most 63 characters.
   */
  readonly applicationName?: string

  /**
   * Whether locks have fencing tokens. `'auto'`: if the sequence `lockpool.fence` is there or may be created; locks work
   * either way, one warning says what is missing, and only `lock.token` throws. `'off'`: never; saves the server a little
   * work.
   *
   * Default `'auto'`.
   */
  readonly fencing?: 'auto' | 'off'

  /**
   * No two holders at once even when the server lets go of a lock before its time: a terminated session, a crash, a
   * fail-over. Each hold is marked in the table `lockpool.hold`. Whoever gets a key whose last hold ended uncleanly keeps it
   * for the lease of that holder before it tells its caller, who must be ready to wait that long; until then `tryAcquire`
   * answers null. Costs two row writes per hold, none for a hand-off within the process, and one wait of `leaseMs` after
   * each unclean end and each restart of the server. All pools that share keys must be strict, and the first of a database
   * decides on the longest lease for all of them, 30 s at most: who asks for more works with that. `lockpool install
   * --strict-lease` raises it. Without the table, and the right to make or write it, no lock is given out
   * (`STRICT_UNAVAILABLE`).
   *
   * Default `false`.
   */
  readonly strict?: boolean

  /**
   * Whether names of keys are written down in the table `lockpool.key_name`, and in `lockpool.report` since when each is held
   * and what for, if they are there, for people who look at locks: the server knows only numbers. Once a second, names of what
   * is held or waited for at that moment, and ages of what lasts for two seconds, on a borrowed connection. `lockpool install`
   * makes the tables; without them, with `'off'`, with `fencing: 'off'` or a `max` of 1, nothing is written.
   *
   * Default `'auto'`.
   */
  readonly keyNames?: 'auto' | 'off'

  /**
   * A lock, a permit or a borrowed connection that is held for longer is reported once, with where it was taken:
   * `lock:overdue`, and `connection:overdue` of `connections`. And one that was garbage-collected while held is given back,
   * and reported as `lock:forgotten` or `connection:forgotten`; so whoever means to hold one until the process ends must
   * keep it. To find leaks: each acquire then takes its stack, which costs some microseconds.
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
