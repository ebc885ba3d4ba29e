/** By which the server notices, during a statement, that the client is gone. Otherwise it does when it has the answer. */
export const CLIENT_CHECK = 'client_connection_check_interval'

/** How often it looks. The look is a system call. */
export const CLIENT_CHECK_MS = 1000

/**
 * Sets it for a session, and answers one row where the server has it: since version 14, and not on Windows. It is not set
 * behind a pooler, where this session may be somebody else's next: another process answers there than the one of `$1`, that
 * we were told of at the start. Who has set it to less knows why.
 */
export const SET_CLIENT_CHECK: string = `
SELECT CASE
  WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.<>) $1::pg_catalog.int4 THEN NULL
  WHEN value OPERATOR(pg_catalog.>) '0' AND value OPERATOR(pg_catalog.<=) '${CLIENT_CHECK_MS} ms' THEN NULL
  ELSE pg_catalog.set_config('${CLIENT_CHECK}', '${CLIENT_CHECK_MS}', false)
END AS set_to
FROM (SELECT pg_catalog.current_setting('${CLIENT_CHECK}', true)::pg_catalog.interval AS value) AS setting
WHERE value IS NOT NULL AND pg_catalog.version() OPERATOR(pg_catalog.!~*) 'mingw|msvc|visual|windows'`

/** For one transaction: a pooler takes it nowhere. */
export const SET_LOCAL_CLIENT_CHECK: string = `SET LOCAL ${CLIENT_CHECK} = ${CLIENT_CHECK_MS}`
