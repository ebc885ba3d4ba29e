/** Who is in the way of a lock that a transaction wants. Read in that transaction, when it has given up. */

/**
 * Who has a table, or rows of it, in one of the modes of `$2`; behind them who waits for it in one of these, with those it
 * waits for itself: whoever comes later waits behind it.
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

/** Sessions, to be called by their names. */
export const SESSIONS_BY_PID = `
SELECT pid, application_name, pg_catalog.host(client_addr) AS client_addr
FROM pg_catalog.pg_stat_activity
WHERE pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])
ORDER BY pid`

/** Tables, as they are called here. */
export const TABLES_BY_ID = `
SELECT oid::pg_catalog.text AS id, oid::pg_catalog.regclass::pg_catalog.text AS name
FROM pg_catalog.pg_class
WHERE oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])`
