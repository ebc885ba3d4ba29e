import { INTEREST_CLASS, LINE_CLASS } from '../keys/key.js'

/** Wake-ups, and the connection that listens for them. */

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
