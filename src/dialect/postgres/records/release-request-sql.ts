import { quoteIdentifier } from '../schema/schema-sql.js'

/** The table in which programs ask the holder of a lock to release it. */

/**
 * One row per lock session and lock, until the session's process reads it. No promise depends on it, so the table is
 * unlogged. After a crash it is empty, like the locks. `permit` is 0 for a lock.
 */
export const CREATE_RELEASE_REQUESTS = `
CREATE UNLOGGED TABLE IF NOT EXISTS lockpool.release_request (
  session integer NOT NULL,
  begun timestamp with time zone NOT NULL,
  key pg_catalog.text NOT NULL,
  permit integer NOT NULL,
  reason pg_catalog.text,
  asked timestamp with time zone NOT NULL,
  PRIMARY KEY (session, key, permit)
)`

export function releaseRequestGrantsTo(role: string): string {
  return `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.release_request TO ${quoteIdentifier(role)}`
}

/**
 * Returns no row if the session has ended, because its pid may belong to another session by now. For a role that may
 * not see when a session started, the start is null and no request is made, because it might reach another session.
 */
export const ASK_FOR_RELEASE = `
INSERT INTO lockpool.release_request (session, begun, key, permit, reason, asked)
SELECT $1::integer, backend.backend_start, $3::pg_catalog.text, $4::integer, $5::pg_catalog.text, pg_catalog.clock_timestamp()
FROM pg_catalog.pg_stat_get_activity($1::integer) AS backend
WHERE backend.backend_start OPERATOR(pg_catalog.=) $2::timestamp with time zone
ON CONFLICT (session, key, permit) DO UPDATE
SET begun = excluded.begun, reason = excluded.reason, asked = excluded.asked
RETURNING session`

/** Deletes requests that no session has read within an hour. Sent before each request. */
export const SWEEP_RELEASE_REQUESTS = `
DELETE FROM lockpool.release_request
WHERE asked OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '1 hour')`

/** Returns a row if the request was not read yet. */
export const WITHDRAW_RELEASE_REQUEST = `
DELETE FROM lockpool.release_request
WHERE session OPERATOR(pg_catalog.=) $1::integer AND key OPERATOR(pg_catalog.=) $2::pg_catalog.text
  AND permit OPERATOR(pg_catalog.=) $3::integer
RETURNING session`

/** `is_same` is false for a request to an earlier session with the same pid. */
export const TAKE_RELEASE_REQUESTS = `
DELETE FROM lockpool.release_request AS request
WHERE request.session OPERATOR(pg_catalog.=) ANY ($1::integer[])
RETURNING
  request.session,
  request.key,
  request.permit,
  request.reason,
  request.begun OPERATOR(pg_catalog.=) (
    SELECT backend.backend_start FROM pg_catalog.pg_stat_get_activity(request.session) AS backend
  ) AS is_same`
