/**
 * Statements that find the sessions in the way of a lock. They run in the same transaction, after the attempt has
 * failed.
 */

/**
 * The sessions that hold a table, or rows of it, in one of the modes `$2`. After them come the sessions that wait for
 * it in one of these modes, with the sessions that they wait for: a later request waits behind them.
 */
export const TABLE_HOLDERS = `
SELECT
  activity.pid,
  activity.application_name,
  pg_catalog.host(activity.client_addr) AS client_addr,
  CASE WHEN NOT pg_catalog.bool_or(lock.granted)
    THEN pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(activity.pid), ' ') END AS waits_for
FROM pg_catalog.pg_locks AS lock
JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid OPERATOR(pg_catalog.=) lock.pid
WHERE
  (lock.locktype OPERATOR(pg_catalog.=) 'relation' OR lock.locktype OPERATOR(pg_catalog.=) 'tuple')
  AND lock.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
  AND lock.relation OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid
  AND lock.mode OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[])
GROUP BY activity.pid, activity.application_name, activity.client_addr
ORDER BY pg_catalog.bool_or(lock.granted) DESC, activity.pid
LIMIT 5`

/** The names of sessions. */
export const SESSIONS_BY_PID = `
SELECT pid, application_name, pg_catalog.host(client_addr) AS client_addr
FROM pg_catalog.pg_stat_activity
WHERE pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])
ORDER BY pid`

/** The names of tables. */
export const TABLES_BY_ID = `
SELECT oid::pg_catalog.text AS id, oid::pg_catalog.regclass::pg_catalog.text AS name
FROM pg_catalog.pg_class
WHERE oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])`
