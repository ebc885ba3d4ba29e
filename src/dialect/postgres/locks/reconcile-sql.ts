import { POOL_CLASS, SHARE_CLASS } from '../keys/key.js'

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
