import { POOL_CLASS, SHARE_CLASS } from '../keys/key.js'

/**
 * What a session holds, in the form of pg_locks: a bigint key in two halves with objsubid 1, a pair with objsubid 2.
 * This must work with a full lock table. It does, because it uses no shared catalog, and locks on other catalogs take
 * the fast path. Behind a pooler that switches sessions, another session may run this, so it takes the pid as a
 * parameter. Announcements are left out.
 */
export const HELD_BY: string = `
SELECT
  (classid::int8 << 32 | objid::int8)::text AS bits,
  objsubid = 2 AS is_pair,
  mode = 'ExclusiveLock' AS is_exclusive
FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND pid = $1 AND granted
  AND NOT (objsubid = 2 AND classid::int8 IN (${POOL_CLASS}, ${SHARE_CLASS}))`

/** Runs only in the session that it is meant for, because locks of another session are not ours to release. */
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
