/**
 * How long a session may wait for a lock before the server checks for a deadlock, in milliseconds. At that moment the
 * server may also log the wait.
 */
const QUIET_WAIT_MS = `pg_catalog.date_part('epoch', pg_catalog.current_setting('deadlock_timeout')::interval)
    OPERATOR(pg_catalog.*) 1000`

/**
 * The first statement to a server. SET LOCAL ends with the statement, because a pooler may give this session to another
 * client next.
 */
export const FACTS: string = `
SET LOCAL statement_timeout = 0;
SELECT
  pg_catalog.pg_backend_pid() AS pid,
  pg_catalog.current_setting('server_version_num')::int AS version,
  pg_catalog.current_setting('server_version') AS version_text,
  pg_catalog.version() AS product,
  pg_catalog.pg_is_in_recovery() AS is_standby,
  ${QUIET_WAIT_MS} AS quiet_wait_ms,
  (SELECT pg_catalog.count(*)
    FROM pg_catalog.pg_prepared_statements
    WHERE NOT from_sql AND pg_catalog.starts_with(name, 'lockpool_'))::int AS prepared,
  pg_catalog.current_setting('max_locks_per_transaction')::int AS capacity_per_session,
  pg_catalog.current_setting('max_locks_per_transaction')::int
    OPERATOR(pg_catalog.*) (pg_catalog.current_setting('max_connections')::int
      OPERATOR(pg_catalog.+) pg_catalog.current_setting('max_prepared_transactions')::int) AS capacity`

/**
 * Stores an id in the server session. If another connection has already stored one in the same session, that id stays
 * and is returned, so the collision shows. RESET ALL removes the id.
 */
export const STORE_SESSION_ID = `
SELECT
  CASE
    WHEN pg_catalog.length(pg_catalog.current_setting('lockpool.session', true)) OPERATOR(pg_catalog.>) 0
      THEN pg_catalog.current_setting('lockpool.session', true)
    ELSE pg_catalog.set_config('lockpool.session', $1, false)
  END AS session`
