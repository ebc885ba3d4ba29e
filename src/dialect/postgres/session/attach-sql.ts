/** How long a session may wait before the server looks why, in milliseconds: then it may log it. */
const QUIET_WAIT_MS = `pg_catalog.date_part('epoch', pg_catalog.current_setting('deadlock_timeout')::interval)
    OPERATOR(pg_catalog.*) 1000`

/**
 * The first word to a server. The setting ends with the statement: a pooler may be about to give this session to strangers.
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
 * The name by which a lock session is told from another that has got the very same server session: the first one's stays.
 * It ends with RESET ALL, as all that is set.
 */
export const CLAIM_SESSION = `
SELECT
  CASE
    WHEN pg_catalog.length(pg_catalog.current_setting('lockpool.session', true)) OPERATOR(pg_catalog.>) 0
      THEN pg_catalog.current_setting('lockpool.session', true)
    ELSE pg_catalog.set_config('lockpool.session', $1, false)
  END AS session`
