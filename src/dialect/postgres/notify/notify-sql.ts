import { REGISTRATION_CLASS, SERVER_QUEUE_CLASS } from '../keys/key.js'

/** The statements that send wake-ups, and those of the connection that listens for them. */

/**
 * Notifies for those of the keys that some process waits for: another session then has the registration's lock for the
 * hash of the key. Notifies also on the secret channel `$4`, if it is not null. This is a separate statement from the
 * release: when the queue of notifications is full, it fails with 54000, and a release in the same statement would have
 * happened all the same, without an answer (measured).
 */
export const NOTIFY_WAITERS: string = `
SELECT
  wanted,
  pg_notify('lockpool_1', $1 || wanted),
  CASE WHEN $4::text IS NOT NULL THEN pg_notify($4::text, $1 || wanted) END
FROM (
  SELECT string_agg(id, ' ') AS wanted
  FROM unnest($2::text[], $3::int4[]) AS released (id, h)
  WHERE CASE
    WHEN NOT pg_try_advisory_lock(${REGISTRATION_CLASS}, h) THEN true
    WHEN pg_advisory_unlock(${REGISTRATION_CLASS}, h) THEN false
    ELSE true END
) AS looked
WHERE wanted IS NOT NULL`

/** Whether some process has a registration for a key, or is in its server queue. */
export const IS_WANTED: string = `
SELECT
  CASE
    WHEN NOT pg_try_advisory_lock(${REGISTRATION_CLASS}, $1::int4) THEN true
    WHEN pg_advisory_unlock(${REGISTRATION_CLASS}, $1::int4) IS NULL THEN true
    WHEN NOT pg_try_advisory_lock(${SERVER_QUEUE_CLASS}, $1::int4) THEN true
    ELSE NOT pg_advisory_unlock(${SERVER_QUEUE_CLASS}, $1::int4)
  END AS is_wanted,
  pg_backend_pid() AS pid`

export const SEND_NOTIFICATION = `SELECT pg_notify($1::text, $2)`

/** PostgreSQL must not end the session of the listener for being idle, because it is idle on purpose. */
export const NEVER_TOO_IDLE = `SET idle_session_timeout = 0`

/** All channel names are ours and consist of letters, digits and underscores, so they need no quotes. */
export function listenTo(channel: string): string {
  return `LISTEN ${channel}`
}

export function unlistenTo(channel: string): string {
  return `UNLISTEN ${channel}`
}

export const UNLISTEN = `UNLISTEN *; RESET idle_session_timeout`
