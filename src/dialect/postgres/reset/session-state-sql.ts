/** What a borrower may have left on a connection: how it is looked for, and how it is cleaned. */

import { CLIENT_CHECK, CLIENT_CHECK_MS } from '../connection/client-check-sql.js'

export const ROLLBACK = `ROLLBACK`

/**
 * All that is left, by kind. Of a role and a session authorization the view of all settings knows nothing; what our own
 * connections set is no trace of anybody. Of settings with a dot, which no view shows, `$1` are those that may have been set.
 * Prepared statements are those of SQL: the driver goes on using its own by name, and `preparedCount` says whether it can.
 */
export const LEFT: string = `
SELECT pg_catalog.json_build_object(
  'settings', ARRAY(
    SELECT name FROM pg_catalog.pg_settings
    WHERE source OPERATOR(pg_catalog.=) 'session'
      AND NOT (name OPERATOR(pg_catalog.=) '${CLIENT_CHECK}' AND setting OPERATOR(pg_catalog.=) '${CLIENT_CHECK_MS}')
    ORDER BY name),
  'identity', pg_catalog.array_remove(ARRAY[
    CASE WHEN current_user OPERATOR(pg_catalog.<>) session_user THEN 'role' END,
    CASE WHEN session_user OPERATOR(pg_catalog.<>) (SELECT usename FROM pg_catalog.pg_stat_activity
      WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()) THEN 'session_authorization' END],
    NULL),
  'custom', ARRAY(SELECT pg_catalog.current_setting(name, true) FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name),
  'locks', ARRAY(
    SELECT pg_catalog.format('%s %s',
      CASE WHEN objsubid OPERATOR(pg_catalog.=) 1
        THEN ((classid::bigint OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) objid::bigint)::pg_catalog.text
        ELSE pg_catalog.format('[%s, %s]', classid::bigint, objid::bigint) END,
      pg_catalog.lower(pg_catalog.replace(mode, 'Lock', '')))
    FROM pg_catalog.pg_locks
    WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    ORDER BY objsubid, classid, objid),
  'channels', ARRAY(SELECT channel FROM pg_catalog.pg_listening_channels() AS channel ORDER BY channel),
  'cursors', ARRAY(SELECT name FROM pg_catalog.pg_cursors WHERE is_holdable ORDER BY name),
  'prepared', ARRAY(SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql ORDER BY name),
  'preparedCount', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statements WHERE NOT from_sql),
  'temporary', CASE WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0 THEN '{}' ELSE ARRAY(
    SELECT relname::pg_catalog.text FROM pg_catalog.pg_class
    WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
      AND relkind OPERATOR(pg_catalog.=) ANY ('{r,v,S,p,m,f}')
    UNION ALL
    SELECT proname::pg_catalog.text FROM pg_catalog.pg_proc
    WHERE pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
    ORDER BY 1) END)::pg_catalog.text AS what_is_left`

/** The settings of LEFT that have a dot, when all settings are what they were. */
export const CUSTOM_SETTINGS = `
SELECT pg_catalog.to_json(ARRAY(
  SELECT pg_catalog.current_setting(name, true)
  FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name))::pg_catalog.text AS custom`

/**
 * Cleans all that the server can clean without being told what it is, whatever there is: cheaper than to look. Settings come
 * first: what follows is then run by the role of the pool. RESET ALL does not reset the role; resetting the session
 * authorization does. CLOSE ALL closes also the cursors that outlive their transaction.
 */
export const CLEAN_SESSION = `RESET SESSION AUTHORIZATION; RESET ALL; UNLISTEN *; CLOSE ALL; SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP`

/** The same in half the time (measured), with the sequences of the session. Takes away what the driver has prepared, and is no part of a transaction. */
export const DISCARD_ALL = `DISCARD ALL`

/** With all other settings ours is gone as well, so it is set again where it was. */
export const SET_CLIENT_CHECK_AGAIN: string = `SET ${CLIENT_CHECK} = ${CLIENT_CHECK_MS}`

/** Those of SQL alone. */
export const DEALLOCATE_SQL = `
DO $$ DECLARE statement pg_catalog.text; BEGIN
  FOR statement IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql
  LOOP EXECUTE pg_catalog.format('DEALLOCATE %I', statement); END LOOP;
END $$`

export const DEALLOCATE_ALL = `DEALLOCATE ALL`
