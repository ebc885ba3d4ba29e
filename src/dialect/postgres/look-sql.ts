/** What a dashboard sends on a connection that others use too, so nothing of it may stay behind. */

/** Whoever looks must not become the next one that waits: for a catalog that somebody has locked, or on a busy server. */
export const BEGIN_LOOK = `BEGIN READ ONLY; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'`

export const END_LOOK = `COMMIT`

export const GIVE_UP_LOOK = `ROLLBACK`

/** A process id is used again, so it must still be the session that began then, to the second; and one of this database. */
export const END_SESSION = `
SELECT pg_catalog.pg_terminate_backend(pid) AS ended
FROM pg_catalog.pg_stat_activity
WHERE pid = $1 AND datname = current_database() AND pid <> pg_backend_pid()
  AND abs(extract(epoch FROM backend_start) * 1000 - $2) < 2000`
