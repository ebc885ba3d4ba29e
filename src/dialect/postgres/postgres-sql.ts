import { QUIET_WAIT_MS } from './line-sql.js'
import { INTEREST_CLASS, LINE_CLASS, POOL_CLASS, SHARE_CLASS, TEST_CLASS } from './postgres-key.js'

/** What a lock session, a listener or the clean-up of a returned connection sends besides batches. */

/**
 * Rings for those of the keys that somebody is interested in, which shows in the hash being locked by another session; on
 * the channel `$4` of those who know the secret too, if there is one.
 * Apart from the release: with a full queue it fails with 54000, and a release in the same statement would have happened
 * all the same, unreported (measured).
 */
export const RING: string = `
SELECT
  wanted,
  pg_notify('lockpool_1', $1 || wanted),
  CASE WHEN $4::text IS NOT NULL THEN pg_notify($4::text, $1 || wanted) END
FROM (
  SELECT string_agg(id, ' ') AS wanted
  FROM unnest($2::text[], $3::int4[]) AS released (id, h)
  WHERE CASE
    WHEN NOT pg_try_advisory_lock(${INTEREST_CLASS}, h) THEN true
    WHEN pg_advisory_unlock(${INTEREST_CLASS}, h) THEN false
    ELSE true END
) AS looked
WHERE wanted IS NOT NULL`

/** Whether anybody is interested in a key, or stands in line for it. */
export const IS_WANTED: string = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock(${INTEREST_CLASS}, $1::int4) THEN true
    WHEN pg_advisory_unlock(${INTEREST_CLASS}, $1::int4) IS NULL THEN true
    WHEN NOT pg_try_advisory_lock(${LINE_CLASS}, $1::int4) THEN true
    ELSE NOT pg_advisory_unlock(${LINE_CLASS}, $1::int4)
  END AS is_wanted,
  pg_backend_pid() AS pid`

export const TELL = `SELECT pg_notify($1::text, $2)`

/** Behind a pooler that changes its mind, the session that answers is no longer the one that holds the locks. */
export const HEARTBEAT = `SELECT pg_catalog.pg_backend_pid() AS pid`

/** A pool announces itself, and how much of the lock table it may use: locks that exclude nobody, and end with the session. */
export const ANNOUNCE_POOL: string = `SELECT pg_try_advisory_lock_shared(${POOL_CLASS}, $1::int4) AS is_said`

export const ANNOUNCE_SHARE: string = `SELECT pg_try_advisory_lock_shared(${SHARE_CLASS}, $1::int4) AS is_said`

export const WITHDRAW_POOL: string = `SELECT pg_advisory_unlock_shared(${POOL_CLASS}, $1::int4)`

export const WITHDRAW_SHARE: string = `SELECT pg_advisory_unlock_shared(${SHARE_CLASS}, $1::int4)`

/**
 * What all others have announced, in all databases of the server, because they share one lock table. Every session of a
 * pool announces the same; while that changes, the larger counts. Anybody can announce anything: a session counts as one
 * pool, and what it says counts in full only if its role is ours, or may use our schema. Not others are the sessions `$1`, and
 * those of the pool `$2`, which may be leaving. It costs as much as there are locks, so they are walked through once.
 */
export const TABLE_USE: string = `
WITH sessions AS MATERIALIZED (
  SELECT
    pid,
    count(*) AS held,
    max(objid::int8) FILTER (WHERE objsubid = 2 AND classid::int8 = ${POOL_CLASS}) AS pool,
    max(objid::int8) FILTER (WHERE objsubid = 2 AND classid::int8 = ${SHARE_CLASS}) AS share
  FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory' AND granted AND pid <> ALL ($1::int4[])
  GROUP BY pid
), roles AS MATERIALIZED (
  SELECT
    pid,
    usesysid = (SELECT usesysid FROM pg_stat_get_activity(pg_backend_pid()))
      OR coalesce(has_schema_privilege(usesysid, to_regnamespace('lockpool'), 'USAGE'), false)
      AS is_known
  FROM pg_stat_get_activity(NULL::int4)
), pools AS (
  SELECT
    coalesce(roles.is_known, false) AS is_known,
    sessions.pool,
    max(sessions.share) AS share,
    sum(sessions.held) AS held
  FROM sessions
  LEFT JOIN roles ON roles.pid = sessions.pid
  WHERE sessions.pool IS NOT NULL AND sessions.share IS NOT NULL
  GROUP BY coalesce(roles.is_known, false), sessions.pool
)
SELECT
  count(*) FILTER (WHERE is_known AND pool <> $2::int8)::int4 AS pools,
  coalesce(sum(share) FILTER (WHERE is_known AND pool <> $2::int8), 0)::float8 AS announced,
  count(*) FILTER (WHERE NOT is_known)::int4 AS claimants,
  coalesce(sum(share) FILTER (WHERE NOT is_known), 0)::float8 AS claimed,
  coalesce(sum(held) FILTER (WHERE NOT is_known), 0)::float8 AS "claimedHeld",
  (SELECT coalesce(sum(held), 0) FROM sessions WHERE pool IS NULL OR share IS NULL)::int4 AS unannounced,
  (date_part('epoch', clock_timestamp() - statement_timestamp()) * 1000)::float8 AS "costMs"
FROM pools`

/** PostgreSQL's own listener must not be ended for being idle: that is what it is for. */
export const NEVER_TOO_IDLE = `SET idle_session_timeout = 0`

/** Names of channels are ours, and have letters, digits and underlines alone. */
export function listenTo(channel: string): string {
  return `LISTEN ${channel}`
}

export function unlistenTo(channel: string): string {
  return `UNLISTEN ${channel}`
}

export const UNLISTEN = `UNLISTEN *; RESET idle_session_timeout`

/**
 * The first word to a server. The setting ends with the statement: a pooler may be about to give this session to strangers.
 */
export const FACTS: string = `
SET LOCAL statement_timeout = 0;
SELECT
  pg_catalog.pg_backend_pid() AS pid,
  pg_catalog.current_setting('server_version_num')::int AS version,
  pg_catalog.current_setting('server_version') AS version_text,
  pg_catalog.version() AS product,
  pg_catalog.pg_is_in_recovery() AS is_standby,
  ${QUIET_WAIT_MS} AS quiet_wait_ms,
  (SELECT pg_catalog.count(*)
    FROM pg_catalog.pg_prepared_statements
    WHERE NOT from_sql AND pg_catalog.starts_with(name, 'lockpool_'))::int AS prepared,
  pg_catalog.current_setting('max_locks_per_transaction')::int AS capacity_per_session,
  pg_catalog.current_setting('max_locks_per_transaction')::int
    OPERATOR(pg_catalog.*) (pg_catalog.current_setting('max_connections')::int
      OPERATOR(pg_catalog.+) pg_catalog.current_setting('max_prepared_transactions')::int) AS capacity`

/**
 * The name by which a lock session is told from another that has got the very same server session: the first one's stays.
 * It ends with RESET ALL, as all that is set.
 */
export const CLAIM_SESSION = `
SELECT
  CASE
    WHEN pg_catalog.length(pg_catalog.current_setting('lockpool.session', true)) OPERATOR(pg_catalog.>) 0
      THEN pg_catalog.current_setting('lockpool.session', true)
    ELSE pg_catalog.set_config('lockpool.session', $1, false)
  END AS session`

/** The steps of the test of two connections. Each says where it was carried out. */
export const TEST_BEGIN = `BEGIN`

export const TEST_LOOK = `SELECT pg_catalog.pg_backend_pid() AS pid, $1::int IS NOT NULL AS said`

export const TEST_TRY: string = `
SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_try_advisory_lock(${TEST_CLASS}, $1::int) AS said`

export const TEST_UNLOCK: string = `
SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_advisory_unlock(${TEST_CLASS}, $1::int) AS said`

export const TEST_COMMIT = `COMMIT`

/**
 * What a session holds, as pg_locks shows it: a bigint key in two halves with objsubid 1, a pair with objsubid 2. It must
 * work with a full lock table, and does because it names no shared catalog: locks on others take the fast path. Behind a
 * pooler that changes its mind, any session may be the one that is asked, hence the number. Announcements are left out.
 */
export const HELD_BY: string = `
SELECT
  (classid::int8 << 32 | objid::int8)::text AS bits,
  objsubid = 2 AS is_pair,
  mode = 'ExclusiveLock' AS is_exclusive
FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND pid = $1 AND granted
  AND NOT (objsubid = 2 AND classid::int8 IN (${POOL_CLASS}, ${SHARE_CLASS}))`

/** Only in the session it is meant for: what another holds is not ours to unlock. */
export const UNLOCK_EACH = `
SELECT
  CASE
    WHEN is_pair AND is_exclusive THEN pg_advisory_unlock((k >> 32)::int4, ((k << 32) >> 32)::int4)
    WHEN is_pair THEN pg_advisory_unlock_shared((k >> 32)::int4, ((k << 32) >> 32)::int4)
    WHEN is_exclusive THEN pg_advisory_unlock(k)
    ELSE pg_advisory_unlock_shared(k)
  END
FROM unnest($1::int8[], $2::bool[], $3::bool[]) AS extra (k, is_pair, is_exclusive)
WHERE pg_backend_pid() = $4`
