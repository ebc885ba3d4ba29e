/** Every statement of a stranger who does what he can: he may connect, and nothing else. */

/** All numbers of a class that are small. */
export const HOLD_SMALL = `
SELECT pg_try_advisory_lock($1::int4, number) FROM generate_series(0, 63) AS number`

/** Whatever sessions of others have in these classes, for themselves: as soon as it is free, it is his. */
export const SEIZE = `
SELECT pg_try_advisory_lock((seen.class + $2)::int4, seen.number)
FROM (
  SELECT DISTINCT classid::int8 AS class, objid::int8::bit(32)::int4 AS number
  FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory' AND objsubid = 2 AND classid::int8 = ANY ($1::int8[])
    AND pid <> pg_backend_pid()
) AS seen
LIMIT 200`

/** Announces many pools, of all there can be. */
export const ANNOUNCE = `
SELECT
  pg_try_advisory_lock_shared($1::int4, $3::int4 + number),
  pg_try_advisory_lock_shared($2::int4, 2147483647 - number)
FROM generate_series(0, 19) AS number`

/** So many messages, no two alike: equal ones of a transaction are one. */
export const SHOUT = `
SELECT pg_notify($1, 'x' || number || ' ' || $2)
FROM generate_series($3::int4, $3::int4 + $4::int4 - 1) AS number`

export const OVERHEAR = `LISTEN lockpool_1`

export const REPEAT = `SELECT pg_notify($1, $2)`
