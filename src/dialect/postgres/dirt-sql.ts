/** What a borrower may have left on a connection: how it is looked for, and how it is cleaned. */

import { CLIENT_CHECK, CLIENT_CHECK_MS } from './client-check-sql.js'

export const ROLLBACK = `ROLLBACK`

export const LEFT_LOCKS = `
SELECT coalesce(pg_catalog.array_agg(pg_catalog.format('%s %s',
  CASE WHEN objsubid OPERATOR(pg_catalog.=) 1
    THEN ((classid::bigint OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) objid::bigint)::pg_catalog.text
    ELSE pg_catalog.format('[%s, %s]', classid::bigint, objid::bigint) END,
  pg_catalog.lower(pg_catalog.replace(mode, 'Lock', '')))
  ORDER BY objsubid, classid, objid), '{}') AS names
FROM pg_catalog.pg_locks
WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()`

export const UNLOCK_ALL = `SELECT pg_catalog.pg_advisory_unlock_all()`

export const LEFT_SUBSCRIPTIONS = `
SELECT coalesce(pg_catalog.array_agg(channel ORDER BY channel), '{}') AS names
FROM pg_catalog.pg_listening_channels() AS channel`

export const UNLISTEN_ALL = `UNLISTEN *`

/** What our own connections set is no trace of anybody. Of a role and a session authorization the view of all settings knows nothing. */
export const LEFT_SETTINGS: string = `
SELECT pg_catalog.array_remove(ARRAY(
    SELECT name FROM pg_catalog.pg_settings
    WHERE source OPERATOR(pg_catalog.=) 'session'
      AND NOT (name OPERATOR(pg_catalog.=) '${CLIENT_CHECK}' AND setting OPERATOR(pg_catalog.=) '${CLIENT_CHECK_MS}')
    ORDER BY name)
  OPERATOR(pg_catalog.||) CASE WHEN current_user OPERATOR(pg_catalog.<>) session_user THEN 'role' END
  OPERATOR(pg_catalog.||) CASE WHEN session_user OPERATOR(pg_catalog.<>) usename THEN 'session_authorization' END,
  NULL) AS names
FROM pg_catalog.pg_stat_activity
WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()`

/** RESET ALL does not reset the role; resetting the session authorization does. */
export const RESET_SESSION = `RESET SESSION AUTHORIZATION; RESET ALL`

export const LEFT_TEMPORARY = `
SELECT coalesce(pg_catalog.array_agg(relname::pg_catalog.text ORDER BY relname), '{}') AS names
FROM pg_catalog.pg_class
WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
  AND relkind OPERATOR(pg_catalog.=) ANY ('{r,v,S,p,m,f}')`

export const DISCARD_TEMP = `DISCARD TEMP`

export const LEFT_CURSORS = `
SELECT coalesce(pg_catalog.array_agg(name ORDER BY name), '{}') AS names
FROM pg_catalog.pg_cursors
WHERE is_holdable`

/** Also those that outlive their transaction: WITH HOLD. */
export const CLOSE_CURSORS = `CLOSE ALL`

/** Only those of SQL: the driver goes on using its own by name. */
export const LEFT_PREPARED = `
SELECT coalesce(pg_catalog.array_agg(name ORDER BY name), '{}') AS names
FROM pg_catalog.pg_prepared_statements
WHERE from_sql`

export const DEALLOCATE_SQL = `
DO $$ DECLARE statement pg_catalog.text; BEGIN
  FOR statement IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql
  LOOP EXECUTE pg_catalog.format('DEALLOCATE %I', statement); END LOOP;
END $$`

export const DEALLOCATE_ALL = `DEALLOCATE ALL`
