/** What a borrower may have left on a connection: how it is looked for, and how it is cleaned. */

import { CLIENT_CHECK, CLIENT_CHECK_MS } from './client-check-sql.js'

export const ROLLBACK = `ROLLBACK`

export const LEFT_LOCKS = `
SELECT coalesce(array_agg(format('%s %s', CASE objsubid WHEN 1 THEN (classid::int8 << 32 | objid::int8)::text
    ELSE format('[%s, %s]', classid::int8, objid::int8) END, lower(replace(mode, 'Lock', '')))
  ORDER BY objsubid, classid, objid), '{}') AS names
FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND pid = pg_backend_pid()`

export const UNLOCK_ALL = `SELECT pg_advisory_unlock_all()`

export const LEFT_SUBSCRIPTIONS = `
SELECT coalesce(array_agg(channel ORDER BY channel), '{}') AS names
FROM pg_catalog.pg_listening_channels() AS channel`

export const UNLISTEN_ALL = `UNLISTEN *`

/** What our own connections set is no trace of anybody. Of a role and a session authorization the view of all settings knows nothing. */
export const LEFT_SETTINGS: string = `
SELECT array_remove(
  (SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM pg_catalog.pg_settings WHERE source = 'session'
    AND NOT (name = '${CLIENT_CHECK}' AND setting = '${CLIENT_CHECK_MS}'))
    || CASE WHEN current_user <> session_user THEN 'role' END
    || CASE WHEN session_user <> usename THEN 'session_authorization' END, NULL) AS names
FROM pg_catalog.pg_stat_activity
WHERE pid = pg_backend_pid()`

/** RESET ALL does not reset the role; resetting the session authorization does. */
export const RESET_SESSION = `RESET SESSION AUTHORIZATION; RESET ALL`

export const LEFT_TEMPORARY = `
SELECT coalesce(array_agg(relname::text ORDER BY relname), '{}') AS names
FROM pg_catalog.pg_class
WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v', 'S', 'p', 'm', 'f')`

export const DISCARD_TEMP = `DISCARD TEMP`

export const LEFT_CURSORS = `
SELECT coalesce(array_agg(name ORDER BY name), '{}') AS names
FROM pg_catalog.pg_cursors
WHERE is_holdable`

/** Also those that outlive their transaction: WITH HOLD. */
export const CLOSE_CURSORS = `CLOSE ALL`

/** Only those of SQL: the driver goes on using its own by name. */
export const LEFT_PREPARED = `
SELECT coalesce(array_agg(name ORDER BY name), '{}') AS names
FROM pg_catalog.pg_prepared_statements
WHERE from_sql`

export const DEALLOCATE_SQL = `
DO $$ DECLARE statement text; BEGIN
  FOR statement IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql
  LOOP EXECUTE pg_catalog.format('DEALLOCATE %I', statement); END LOOP;
END $$`

export const DEALLOCATE_ALL = `DEALLOCATE ALL`
