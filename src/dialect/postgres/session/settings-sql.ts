/** How the settings of our sessions are set, read back and reset. */

/** The first statement of its round trip, because the role's default timeout may be too short for any of the others. */
export const NO_STATEMENT_TIMEOUT = `SET statement_timeout = 0`

/**
 * Sets the settings `$1` to the values `$2`, except those that this server does not have: transaction_timeout is new in
 * version 17. The settings in `$3`, and all switches of the planner, get PostgreSQL's built-in values if they differ.
 */
export const SET_SETTINGS = `
SELECT pg_catalog.set_config(known.name, coalesce(wanted.value, known.boot_val), false)
FROM pg_catalog.pg_settings AS known
LEFT JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
  AS wanted (name, value) ON wanted.name OPERATOR(pg_catalog.=) known.name
WHERE wanted.name IS NOT NULL
  OR known.context OPERATOR(pg_catalog.=) 'user' AND known.setting OPERATOR(pg_catalog.<>) known.boot_val
    AND (pg_catalog.starts_with(known.name, 'enable_') OR known.name OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.text[]))`

/**
 * A separate statement, because some operating systems can't detect a closed connection, and servers there refuse the
 * setting. They are not asked, because a refusal would be logged. The setting works on Linux since version 14, on macOS
 * and the BSDs since version 15.
 */
export const WATCH_CLIENT = `
SELECT pg_catalog.set_config('client_connection_check_interval', $1, false)
WHERE pg_catalog.version() OPERATOR(pg_catalog.~*) CASE
  WHEN pg_catalog.current_setting('server_version_num')::integer OPERATOR(pg_catalog.<) 150000 THEN 'linux'
  ELSE 'linux|darwin|apple|bsd|illumos' END`

export const READ_SETTINGS = `
SELECT name, setting
FROM pg_catalog.pg_settings
WHERE name OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])`

export const RESET_SETTINGS = `RESET ALL`
