/** Fails on a standby, because it assigns a transaction id, which is a write. */
export const PROBE = `SELECT pg_catalog.pg_current_xact_id()`

/** Everything that workers have left. */
export const LEFTOVERS = `
SELECT application_name AS what, count(*)::int4 AS n
FROM pg_catalog.pg_stat_activity
WHERE application_name LIKE 'ha %' AND pid <> pg_catalog.pg_backend_pid()
GROUP BY application_name
UNION ALL
SELECT 'advisory lock', count(*)::int4
FROM pg_catalog.pg_locks
WHERE locktype = 'advisory'
HAVING count(*) > 0`
