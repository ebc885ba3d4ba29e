import { momentText } from '../connection/moment-sql.js'

/**
 * The statements of an inspection. None of them takes a lock that another session could wait for. They format times as
 * UTC text and durations as whole numbers. The server's own format depends on DateStyle, TimeZone, IntervalStyle and
 * extra_float_digits, which a role or a database may have set to any value.
 */

/** SQL for whether this role may read a table of ours. A standby lists unlogged tables but refuses to read them. */
function mayRead(table: string): string {
  return `coalesce(
    (SELECT
      has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(class.oid, 'SELECT')
        AND NOT pg_is_in_recovery()
        -- If another user has created it, it could be a view or have its own types, and reading it would run that user's
        -- code.
        AND relkind = 'r' AND NOT relhasrules AND NOT relhassubclass AND NOT relrowsecurity AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND atttypid >= 16384)
    FROM pg_catalog.pg_class AS class
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relnamespace
    WHERE nspname = 'lockpool' AND relname = '${table}'),
    false)`
}

/** `lock_entries` is an upper bound: two sessions that share a lock use one lock-table entry. */
export const SERVER_FACTS: string = `
SELECT
  ${momentText('clock_timestamp()')} AS at,
  current_setting('server_version') AS version,
  current_database() AS database,
  pg_is_in_recovery() AS is_standby,
  (SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT fastpath)::int AS lock_entries,
  current_setting('max_locks_per_transaction')::int
    * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS lock_capacity,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::int AS connections,
  current_setting('max_connections')::int AS max_connections,
  ${mayRead('key_name')} AS has_key_names,
  ${mayRead('report')} AS has_reports,
  ${mayRead('lease')} AND ${mayRead('member')} AS has_rows,
  ${mayRead('dist_lease')} AND ${mayRead('dist_member')} AS has_distributed_rows`

/**
 * The locks in this database: advisory locks, row locks, table locks that keep writers out, and all locks that a
 * session waits for. `$1` adds all other locks on tables, indexes and transactions.
 */
export const LOCKS = `
WITH seen AS MATERIALIZED (
  SELECT *
  FROM pg_catalog.pg_locks
  WHERE pid IS DISTINCT FROM pg_backend_pid() AND locktype <> 'virtualxid'
    AND (database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      OR (database IS NULL OR database = 0) AND (pid IS NULL OR pid IN (
        SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = current_database())))
), wanted AS MATERIALIZED (
  SELECT locktype, relation, transactionid
  FROM seen
  WHERE NOT granted AND locktype <> 'advisory'
)
SELECT
  seen.locktype AS type,
  CASE WHEN seen.relation IS NOT NULL THEN seen.relation::regclass::text END AS relation,
  seen.page,
  seen.tuple,
  seen.transactionid::text AS transaction,
  seen.classid AS class,
  seen.objid AS object,
  seen.objsubid AS sub,
  coalesce(seen.pid, 0) AS pid,
  seen.mode,
  seen.granted,
  (extract(epoch FROM clock_timestamp() - seen.waitstart) * 1000)::int8 AS waited_ms
FROM seen
LEFT JOIN pg_catalog.pg_class AS class ON class.oid = seen.relation
WHERE seen.locktype = 'advisory'
  OR NOT seen.granted
  OR $1::bool
  OR seen.locktype = 'tuple'
  OR seen.locktype = 'relation' AND class.relkind IN ('r', 'p', 'm')
    AND seen.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock')
  OR EXISTS (
    SELECT
    FROM wanted
    WHERE wanted.locktype = seen.locktype AND wanted.relation IS NOT DISTINCT FROM seen.relation
      AND wanted.transactionid IS NOT DISTINCT FROM seen.transactionid)`

/**
 * The oldest snapshot, or prepared transaction, in this database. It is returned only if other transactions have begun
 * since, because a statement that has just started has a snapshot too. Sessions that this role may not see have null
 * ages and are left out.
 */
export const OLDEST_SNAPSHOT = `
SELECT pid, application, open_ms, transactions
FROM (
  SELECT
    pid,
    coalesce(application_name, '') AS application,
    (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::int8::text AS open_ms,
    age(backend_xmin) AS transactions
  FROM pg_catalog.pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL
  UNION ALL
  SELECT 0, '', (extract(epoch FROM clock_timestamp() - prepared) * 1000)::int8::text, age(transaction)
  FROM pg_catalog.pg_prepared_xacts
  WHERE database = current_database()
) AS snapshots
WHERE open_ms IS NOT NULL AND transactions > 0
ORDER BY transactions DESC
LIMIT 1`

/** The sessions of this database, and the server's own workers, which lock tables too. */
export const SESSIONS: string = `
SELECT
  pid,
  coalesce(application_name, '') AS application,
  coalesce(client_hostname, host(client_addr)) AS host,
  usename AS "user",
  coalesce(state, CASE WHEN backend_type <> 'client backend' THEN backend_type END) AS state,
  wait_event_type || ': ' || wait_event AS waits_for,
  left(query, 2000) AS query,
  ${momentText('backend_start')} AS started_at,
  (extract(epoch FROM clock_timestamp() - backend_start) * 1000)::int8 AS session_ms,
  (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::int8 AS transaction_ms,
  (extract(epoch FROM clock_timestamp() - state_change) * 1000)::int8 AS state_ms
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()`

/**
 * Each call of pg_blocking_pids stops the whole lock manager for a moment, so at most 500 waiting sessions are asked
 * about.
 */
export const BLOCKERS = `
SELECT pid, pg_catalog.pg_blocking_pids(pid) AS blockers
FROM (
  SELECT pid, min(waitstart) AS since
  FROM pg_catalog.pg_locks
  WHERE NOT granted AND pid <> pg_backend_pid()
  GROUP BY pid
  ORDER BY since
  LIMIT 500
) AS waiting`

/**
 * Ends a session, and waits until it is gone. Returns no row if it has ended, because its pid may belong to another
 * session by now. For a role that may not see the session, both times are null. Then pg_terminate_backend reports that
 * the role may not end it.
 */
export const TERMINATE = `
SELECT pg_catalog.pg_terminate_backend(pid, 5000) AS is_gone
FROM pg_catalog.pg_stat_activity
WHERE pid OPERATOR(pg_catalog.=) $1
  AND (backend_start OPERATOR(pg_catalog.=) $2::timestamp with time zone OR backend_start IS NULL AND $2 IS NULL)`
