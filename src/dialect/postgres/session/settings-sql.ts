/** How the settings of a session of ours are put in force, read back, and taken off again. */

/** First in its round trip, because a role's default may be too short for any of the others. */
export const NO_STATEMENT_TIMEOUT = `SET statement_timeout = 0`

/**
 * `$1` and `$2` are names and values. What this server does not know is left out: transaction_timeout came with 17. What `$3`
 * names, and every switch of the planner, goes back to what PostgreSQL comes with, if somebody has changed it.
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
 * Apart, because there are systems whose sockets do not say that the other side has gone, and a server there refuses it. They
 * are not asked, for the refusal not to stand in their logs: Linux since 14, macOS and the BSDs since 15.
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
