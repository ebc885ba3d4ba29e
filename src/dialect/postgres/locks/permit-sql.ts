import { REGISTRATION_CLASS, SERVER_QUEUE_CLASS } from '../keys/key.js'

/**
 * The statements for permits of semaphores.
 *
 * `$1` is the bigint key of slot 0; the other slots are the keys that follow. `$7` is the key of the shape, or null if
 * it is held already. PostgreSQL does not call the lock functions with null.
 */

/**
 * Takes up to `$6` free slots, starting with slot `$3` of `$2`, and skipping those in `$4`, which this session has.
 * LIMIT ends the scan with the last slot that is needed, so no slot is locked without being returned. Each token is
 * drawn after its slot is granted, in the same row, from the sequence `$5`, if there is one.
 *
 * `$8` is the hash of the registration, or null if this statement must neither set nor drop it. `$9` says whether to
 * set it before everything else: then a process that releases a slot which the scan has already passed finds it. It is
 * dropped again if there were enough slots. `$10` says that this is not a first attempt, so a session that gets too few
 * slots waits. `crowded` means that the registration could not be set; slots are taken all the same. The scan mentions
 * `is_ready` only so that it runs afterwards.
 */
export const TAKE_PERMITS: string = `
SELECT
  coalesce(string_agg(slot || ':' || coalesce(token::text, ''), ' '), '') AS taken,
  CASE
    WHEN count(slot) > 0 OR $10::bool THEN pg_try_advisory_lock_shared($7::int8)
  END AS entered,
  CASE
    WHEN NOT is_ready THEN CASE WHEN count(slot) < $6::int4 THEN 'crowded' ELSE 'done' END
    WHEN $8::int4 IS NULL THEN CASE WHEN count(slot) < $6::int4 AND $10::bool THEN 'waiting' ELSE 'done' END
    WHEN count(slot) < $6::int4 THEN 'waiting'
    WHEN pg_advisory_unlock_shared(${REGISTRATION_CLASS}, $8::int4) THEN 'done'
    ELSE 'done'
  END AS said,
  pg_backend_pid() AS pid
FROM (
  SELECT CASE WHEN $9::bool THEN pg_try_advisory_lock_shared(${REGISTRATION_CLASS}, $8::int4) ELSE true END AS is_ready
) AS registration
LEFT JOIN LATERAL (
  SELECT
    slot,
    CASE WHEN $5::regclass IS NOT NULL THEN nextval($5::regclass) END AS token
  FROM generate_series($3::int4, $3::int4 + $2::int4 - CASE WHEN is_ready THEN 1 ELSE 1 END) AS place
  CROSS JOIN LATERAL (SELECT place % $2::int4 AS slot) AS candidate
  WHERE CASE
    WHEN slot = ANY ($4::int4[]) THEN false
    ELSE pg_try_advisory_lock($1::int8 + slot)
  END
  LIMIT $6::int4
) AS granted ON true
GROUP BY is_ready`

/**
 * Does the same as TAKE_PERMITS for a session that has no slot and wants one, without registrations: this is what a
 * pool with a single caller sends. Without the aggregate the statement takes a third less time (measured). `$4` is the
 * sequence, `$5` the key of the shape. Always returns one row, with a slot if one was free.
 */
export const TAKE_ONE_PERMIT = `
SELECT
  slot,
  CASE WHEN slot IS NOT NULL AND $4::regclass IS NOT NULL THEN nextval($4::regclass) END AS token,
  CASE WHEN slot IS NOT NULL THEN pg_try_advisory_lock_shared($5::int8) END AS entered,
  pg_backend_pid() AS pid
FROM (SELECT) AS always
LEFT JOIN LATERAL (
  SELECT place % $2::int4 AS slot
  FROM generate_series($3::int4, $3::int4 + $2::int4 - 1) AS place
  WHERE pg_try_advisory_lock($1::int8 + place % $2::int4)
  LIMIT 1
) AS granted ON true`

/**
 * `d`: released. `a`: released, and a session is in the server's queue for the slot. `n`: it was not held. The queue is
 * checked before the release, because a session that gets the slot leaves the queue a moment later.
 */
const giveUp = (slot: string, queueHash: string): string => `CASE
    WHEN NOT pg_try_advisory_lock(${SERVER_QUEUE_CLASS}, ${queueHash}) THEN CASE WHEN pg_advisory_unlock(${slot}) THEN 'a' ELSE 'n' END
    WHEN pg_advisory_unlock(${SERVER_QUEUE_CLASS}, ${queueHash}) IS NULL THEN 'n'
    WHEN pg_advisory_unlock(${slot}) THEN 'd'
    ELSE 'n' END`

const CHECK_REGISTRATIONS = `CASE
    WHEN NOT pg_try_advisory_lock(${REGISTRATION_CLASS}, $3::int4) THEN 'wanted'
    WHEN pg_advisory_unlock(${REGISTRATION_CLASS}, $3::int4) THEN 'done'
    ELSE 'done' END`

/** Does the same as RELEASE_PERMITS for one slot. */
export const RELEASE_ONE_PERMIT: string = `
SELECT
  ${giveUp('$1::int8 + $2::int4', '$5::int4')} AS answers,
  CASE WHEN $4::int8 IS NOT NULL THEN pg_advisory_unlock_shared($4::int8) END AS exited,
  ${CHECK_REGISTRATIONS} AS said,
  pg_backend_pid() AS pid`

/**
 * Releases the slots `$2`, whose queues have the hashes `$5`, and then checks for registrations under the hash `$3`.
 * `$4` is the key of the shape if the session then holds no slot, otherwise null.
 */
export const RELEASE_PERMITS: string = `
SELECT
  string_agg(${giveUp('$1::int8 + slot', 'queue_hash')}, '' ORDER BY place) AS answers,
  pg_advisory_unlock_shared($4::int8) AS exited,
  ${CHECK_REGISTRATIONS} AS said,
  pg_backend_pid() AS pid
FROM unnest($2::int4[], $5::int4[]) WITH ORDINALITY AS released (slot, queue_hash, place)`

/** Drops the registration under the hash `$1`, if it is not null, and the shape `$2` if the session holds no slot. */
export const LEAVE_PERMITS: string = `
SELECT
  pg_advisory_unlock_shared(${REGISTRATION_CLASS}, $1::int4) AS has_left,
  pg_advisory_unlock_shared($2::int8) AS exited,
  pg_backend_pid() AS pid`

/**
 * The number of permits with which other sessions use the semaphore. Shapes are consecutive bigint keys from `$1` on;
 * the last ten bits of each are its number of permits. pg_locks shows a bigint key in two halves.
 */
export const OTHER_PERMITS = `
SELECT
  min(k & 1023)::int4 AS permits,
  pg_backend_pid() AS pid
FROM (
  SELECT classid::int8 << 32 | objid::int8 AS k
  FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
) AS held
WHERE k >> 10 = $1::int8 >> 10 AND k & 1023 <> $2::int8`
