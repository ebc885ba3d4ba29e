/**
 * With this setting the server notices during a statement that its client is gone. Without it, the server notices only
 * when it sends the answer.
 */
export const CLIENT_CHECK = 'client_connection_check_interval'

/** The interval of the check. Each check is one system call. */
export const CLIENT_CHECK_MS = 1000

/**
 * Enables the check for a session. Answers one row if the server supports the check (since version 14, not on Windows).
 * The statement changes nothing behind a pooler, where this server session may serve another client next: there the
 * backend that answers has another pid than `$1`, the one that was announced at login. A shorter interval that a role or a
 * database has configured also stays.
 */
export const SET_CLIENT_CHECK: string = `
SELECT CASE
  WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.<>) $1::pg_catalog.int4 THEN NULL
  WHEN value OPERATOR(pg_catalog.>) '0' AND value OPERATOR(pg_catalog.<=) '${CLIENT_CHECK_MS} ms' THEN NULL
  ELSE pg_catalog.set_config('${CLIENT_CHECK}', '${CLIENT_CHECK_MS}', false)
END AS set_to
FROM (SELECT pg_catalog.current_setting('${CLIENT_CHECK}', true)::pg_catalog.interval AS value) AS setting
WHERE value IS NOT NULL AND pg_catalog.version() OPERATOR(pg_catalog.!~*) 'mingw|msvc|visual|windows'`

/** Enables the check for one transaction, so that a pooler can't carry it over to another client. */
export const SET_LOCAL_CLIENT_CHECK: string = `SET LOCAL ${CLIENT_CHECK} = ${CLIENT_CHECK_MS}`
