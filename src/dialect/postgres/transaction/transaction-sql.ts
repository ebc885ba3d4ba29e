/** The statements that our transactions send, in addition to those of the caller. */

import { SET_LOCAL_CLIENT_CHECK } from '../connection/client-check-sql.js'

export const BEGIN = {
  'read committed': `BEGIN ISOLATION LEVEL READ COMMITTED`,
  'repeatable read': `BEGIN ISOLATION LEVEL REPEATABLE READ`,
  serializable: `BEGIN ISOLATION LEVEL SERIALIZABLE`,
} as const

/** BEGIN, in the same message with the setting that makes the server check for its client, if it supports that. */
export function beginStatement(isolation: keyof typeof BEGIN, hasClientCheck: boolean): string {
  return hasClientCheck ? `${BEGIN[isolation]}; ${SET_LOCAL_CLIENT_CHECK}` : BEGIN[isolation]
}

export const COMMIT = `COMMIT`

export const ROLLBACK_TRANSACTION = `ROLLBACK`

/**
 * Around an attempt that may time out. The rollback to the savepoint makes the transaction usable again and undoes the
 * setting. It also releases a lock that was granted at the moment of the timeout (measured: after half of such errors
 * the lock was held).
 */
export const SAVEPOINT = `SAVEPOINT lockpool`

export const ROLLBACK_TO_SAVEPOINT = `ROLLBACK TO SAVEPOINT lockpool; RELEASE SAVEPOINT lockpool`

/** Keeps the caller's own lock_timeout in a custom setting, because the transaction may have one. */
export const SET_LOCK_TIMEOUT = `
SELECT
  pg_catalog.set_config('lockpool.lock_timeout', pg_catalog.current_setting('lock_timeout'), true),
  pg_catalog.set_config('lock_timeout', $1, true)`

/** Sent in one message, after an attempt that has succeeded. */
export const SETTLE_ATTEMPT = `
SELECT pg_catalog.set_config('lock_timeout', pg_catalog.current_setting('lockpool.lock_timeout'), true);
RELEASE SAVEPOINT lockpool`

/**
 * By mode, and by the kind of key. Programs also send these through their own clients, which may parse values in any
 * way, or fail on the `void` type of the lock functions. So the row contains only null.
 */
export const LOCK_IN_TRANSACTION = {
  exclusive: {
    bigint: `SELECT NULL AS locked WHERE pg_catalog.pg_advisory_xact_lock($1::bigint) IS NOT NULL`,
    pair: `SELECT NULL AS locked WHERE pg_catalog.pg_advisory_xact_lock($1::int, $2::int) IS NOT NULL`,
  },
  shared: {
    bigint: `SELECT NULL AS locked WHERE pg_catalog.pg_advisory_xact_lock_shared($1::bigint) IS NOT NULL`,
    pair: `SELECT NULL AS locked WHERE pg_catalog.pg_advisory_xact_lock_shared($1::int, $2::int) IS NOT NULL`,
  },
} as const

/**
 * The same with a timeout, in one statement, for a connection about which nothing else is known. `$2` is the timeout.
 * `$1` is whether it applies in any case, or only if the session has no timeout. The setting is restored after the
 * lock. If that fails, the transaction has failed, and the setting ends with it.
 */
export const LOCK_IN_TIME: Readonly<
  Record<'exclusive' | 'shared', Readonly<Record<'bigint' | 'pair', string>>>
> = {
  exclusive: {
    bigint: inTime(`pg_catalog.pg_advisory_xact_lock($3::bigint)`),
    pair: inTime(`pg_catalog.pg_advisory_xact_lock($3::int, $4::int)`),
  },
  shared: {
    bigint: inTime(`pg_catalog.pg_advisory_xact_lock_shared($3::bigint)`),
    pair: inTime(`pg_catalog.pg_advisory_xact_lock_shared($3::int, $4::int)`),
  },
}

function inTime(lock: string): string {
  return `
SELECT NULL AS locked
FROM (
  SELECT
    pg_catalog.set_config('lockpool.lock_timeout', pg_catalog.current_setting('lock_timeout'), true),
    CASE WHEN $1::boolean OR pg_catalog.current_setting('lock_timeout') OPERATOR(pg_catalog.=) '0'
      THEN pg_catalog.set_config('lock_timeout', $2::pg_catalog.text, true) END,
    ${lock},
    pg_catalog.set_config('lock_timeout', pg_catalog.current_setting('lockpool.lock_timeout'), true)
) AS in_time`
}

export const TRY_LOCK_IN_TRANSACTION = {
  exclusive: {
    bigint: `SELECT pg_catalog.pg_try_advisory_xact_lock($1::bigint) AS granted`,
    pair: `SELECT pg_catalog.pg_try_advisory_xact_lock($1::int, $2::int) AS granted`,
  },
  shared: {
    bigint: `SELECT pg_catalog.pg_try_advisory_xact_lock_shared($1::bigint) AS granted`,
    pair: `SELECT pg_catalog.pg_try_advisory_xact_lock_shared($1::int, $2::int) AS granted`,
  },
} as const

/** The same for clients of the program: returns a row if the lock is granted, again with only null. */
export const WON_IN_TRANSACTION = {
  exclusive: {
    bigint: `SELECT NULL AS granted WHERE pg_catalog.pg_try_advisory_xact_lock($1::bigint)`,
    pair: `SELECT NULL AS granted WHERE pg_catalog.pg_try_advisory_xact_lock($1::int, $2::int)`,
  },
  shared: {
    bigint: `SELECT NULL AS granted WHERE pg_catalog.pg_try_advisory_xact_lock_shared($1::bigint)`,
    pair: `SELECT NULL AS granted WHERE pg_catalog.pg_try_advisory_xact_lock_shared($1::int, $2::int)`,
  },
} as const

/**
 * The holders of an advisory key, in the form of pg_locks: a bigint in two halves with objsubid 1, a pair with objsubid
 * 2.
 */
export const ADVISORY_HOLDERS = `
SELECT DISTINCT activity.pid, activity.application_name, pg_catalog.host(activity.client_addr) AS client_addr
FROM pg_catalog.pg_locks AS lock
JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid OPERATOR(pg_catalog.=) lock.pid
WHERE
  lock.locktype OPERATOR(pg_catalog.=) 'advisory' AND lock.granted
  AND lock.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
  AND lock.classid::bigint OPERATOR(pg_catalog.=) $1
  AND lock.objid::bigint OPERATOR(pg_catalog.=) $2
  AND lock.objsubid OPERATOR(pg_catalog.=) $3::smallint
  AND lock.database OPERATOR(pg_catalog.=) (
    SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
ORDER BY activity.pid
LIMIT 5`

/** SQL for the names from PostgreSQL's documentation. */
export const ROW_STRENGTHS = {
  update: `FOR UPDATE`,
  'no key update': `FOR NO KEY UPDATE`,
  share: `FOR SHARE`,
  'key share': `FOR KEY SHARE`,
} as const

export const ROW_WAITS = {
  block: ``,
  nowait: ` NOWAIT`,
  'skip locked': ` SKIP LOCKED`,
} as const

export const TABLE_MODES = {
  'access share': `ACCESS SHARE`,
  'row share': `ROW SHARE`,
  'row exclusive': `ROW EXCLUSIVE`,
  'share update exclusive': `SHARE UPDATE EXCLUSIVE`,
  share: `SHARE`,
  'share row exclusive': `SHARE ROW EXCLUSIVE`,
  exclusive: `EXCLUSIVE`,
  'access exclusive': `ACCESS EXCLUSIVE`,
} as const

/**
 * Identifiers can't be parameters, so these statements are put together. `table` and `conditions` are quoted already.
 */
export function lockRowsStatement(
  table: string,
  conditions: readonly string[],
  strength: keyof typeof ROW_STRENGTHS,
  wait: keyof typeof ROW_WAITS,
): string {
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  return `SELECT * FROM ${table}${where} ${ROW_STRENGTHS[strength]}${ROW_WAITS[wait]}`
}

export function lockTableStatement(
  table: string,
  mode: keyof typeof TABLE_MODES,
  wait: 'block' | 'nowait',
): string {
  return `LOCK TABLE ${table} IN ${TABLE_MODES[mode]} MODE${wait === 'nowait' ? ' NOWAIT' : ''}`
}
