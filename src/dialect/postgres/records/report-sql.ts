import { quoteIdentifier } from '../schema/schema-sql.js'

/** Where processes say of their own lock sessions what only they know: since when each lock is held, by whom, what for. */

/**
 * One row per lock session. Nothing depends on it, so it is not written ahead, and empty after a crash, as are the locks.
 * `content` is what the process says, with moments of the clock that `clock_ms` is a moment of too, as of `seen`.
 */
export const CREATE_REPORTS = `
CREATE UNLOGGED TABLE IF NOT EXISTS lockpool.report (
  session integer PRIMARY KEY,
  begun timestamp with time zone NOT NULL,
  content pg_catalog.text,
  clock_ms bigint NOT NULL,
  seen timestamp with time zone NOT NULL
)`

export function reportGrantsTo(role: string): string {
  return `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.report TO ${quoteIdentifier(role)}`
}

/**
 * A content that is null has not changed. A session that has ended meanwhile is left out: its number may be another one's
 * soon, which is told by when it began.
 */
export const WRITE_REPORTS = `
INSERT INTO lockpool.report AS known (session, begun, content, clock_ms, seen)
SELECT told.session, backend.backend_start, told.content, $3::bigint, pg_catalog.clock_timestamp()
FROM ROWS FROM (pg_catalog.unnest($1::integer[]), pg_catalog.unnest($2::pg_catalog.text[])) AS told (session, content)
CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(told.session) AS backend
WHERE backend.backend_start IS NOT NULL
ORDER BY told.session
ON CONFLICT (session) DO UPDATE
SET
  begun = excluded.begun,
  content = coalesce(excluded.content, known.content),
  clock_ms = excluded.clock_ms,
  seen = excluded.seen`

/** Every session that is there says something once an hour. Sent behind each write, and mostly looks no further. */
export const SWEEP_REPORTS = `
DELETE FROM lockpool.report
WHERE (SELECT pg_catalog.random()) OPERATOR(pg_catalog.<) 0.01
  AND seen OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '2 hours')`

/** What processes say of their sessions. When a session began is not for every role to see: then it is null. */
export const REPORTS = `
SELECT
  report.session,
  report.content,
  report.clock_ms::text AS clock_ms,
  (extract(epoch FROM clock_timestamp() - report.seen) * 1000)::int8::text AS age_ms,
  backend.backend_start = report.begun AS is_same
FROM lockpool.report AS report
JOIN pg_catalog.pg_stat_activity AS backend ON backend.pid = report.session
WHERE backend.datname = current_database() AND report.content IS NOT NULL`
