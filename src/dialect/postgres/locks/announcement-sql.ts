import { POOL_CLASS, SHARE_CLASS } from '../keys/key.js'

/**
 * With these locks a pool announces itself and its share of the lock table. They exclude no session, and end with
 * theirs.
 */
export const ANNOUNCE_POOL: string = `SELECT pg_try_advisory_lock_shared(${POOL_CLASS}, $1::int4) AS is_said`

export const ANNOUNCE_SHARE: string = `SELECT pg_try_advisory_lock_shared(${SHARE_CLASS}, $1::int4) AS is_said`

export const WITHDRAW_POOL: string = `SELECT pg_advisory_unlock_shared(${POOL_CLASS}, $1::int4)`

export const WITHDRAW_SHARE: string = `SELECT pg_advisory_unlock_shared(${SHARE_CLASS}, $1::int4)`

/**
 * What other pools have announced, in all databases of the server, because those share one lock table. Every session of
 * a pool announces the same; during a change the larger share counts. Any user can announce anything. So each session
 * counts as one pool, and its share counts in full only if its role is ours or may use our schema. The sessions `$1`
 * and the pool `$2` are our own, including sessions that are about to end. The cost grows with the number of locks, so
 * pg_locks is read once.
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
  count(*) FILTER (WHERE NOT is_known)::int4 AS "foreignPools",
  coalesce(sum(share) FILTER (WHERE NOT is_known), 0)::float8 AS "foreignAnnounced",
  coalesce(sum(held) FILTER (WHERE NOT is_known), 0)::float8 AS "foreignHeld",
  (SELECT coalesce(sum(held), 0) FROM sessions WHERE pool IS NULL OR share IS NULL)::int4 AS unannounced,
  (date_part('epoch', clock_timestamp() - statement_timestamp()) * 1000)::float8 AS "costMs"
FROM pools`
