/**
 * The statements of a stranger who may connect and has no other rights. They try everything that such a role can do.
 */

/** Takes all small numbers of a lock class. */
export const HOLD_SMALL = `
SELECT pg_try_advisory_lock($1::int4, number) FROM generate_series(0, 63) AS number`

/** Takes every lock in these classes that other sessions hold or wait for, as soon as it is free. */
export const SEIZE = `
SELECT pg_try_advisory_lock((seen.class + $2)::int4, seen.number)
FROM (
  SELECT DISTINCT classid::int8 AS class, objid::int8::bit(32)::int4 AS number
  FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory' AND objsubid = 2 AND classid::int8 = ANY ($1::int8[])
    AND pid <> pg_backend_pid()
) AS seen
LIMIT 200`

/** Announces twenty pools that do not exist. */
export const ANNOUNCE = `
SELECT
  pg_try_advisory_lock_shared($1::int4, $3::int4 + number),
  pg_try_advisory_lock_shared($2::int4, 2147483647 - number)
FROM generate_series(0, 19) AS number`

/** Sends many messages, each different: PostgreSQL sends equal messages of one transaction only once. */
export const SHOUT = `
SELECT pg_notify($1, 'x' || number || ' ' || $2)
FROM generate_series($3::int4, $3::int4 + $4::int4 - 1) AS number`

export const OVERHEAR = `LISTEN lockpool_1`

export const REPEAT = `SELECT pg_notify($1, $2)`
