import { quoteIdentifier } from '../schema/schema-sql.js'

/**
 * The table in which processes report facts about their own lock sessions that only they know: since when each lock is
 * held, by whom, and for what.
 */

/**
 * One row per lock session. No promise depends on it, so the table is unlogged. After a crash it is empty, like the
 * locks. `content` is the report. Its times are on the clock of the process; `clock_ms` is the reading of that clock at
 * `seen`.
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
 * A null content means that the content has not changed. Sessions that have ended are left out: another session may get
 * the same pid. `begun` tells the two apart.
 */
export const WRITE_REPORTS = `
INSERT INTO lockpool.report AS known (session, begun, content, clock_ms, seen)
SELECT reported.session, backend.backend_start, reported.content, $3::bigint, pg_catalog.clock_timestamp()
FROM ROWS FROM (pg_catalog.unnest($1::integer[]), pg_catalog.unnest($2::pg_catalog.text[])) AS reported (session, content)
CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(reported.session) AS backend
WHERE backend.backend_start IS NOT NULL
ORDER BY reported.session
ON CONFLICT (session) DO UPDATE
SET
  begun = excluded.begun,
  content = coalesce(excluded.content, known.content),
  clock_ms = excluded.clock_ms,
  seen = excluded.seen`

/**
 * Deletes old rows. Every living session reports at least once an hour. Sent after every write; the server draws a
 * random number first, and usually stops there.
 */
export const SWEEP_REPORTS = `
DELETE FROM lockpool.report
WHERE (SELECT pg_catalog.random()) OPERATOR(pg_catalog.<) 0.01
  AND seen OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '2 hours')`

/** The reports of this database. `is_same` is null for a role that may not see when a session began. */
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
