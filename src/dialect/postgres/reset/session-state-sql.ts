/** How to find what a borrower left on a connection, and how to clean it. */

import { CLIENT_CHECK, CLIENT_CHECK_MS } from '../connection/client-check-sql.js'

export const ROLLBACK = `ROLLBACK`

/**
 * Everything that was left, by kind. The role and the session authorization are read separately, because the view of
 * all settings lacks them. The client check, which we set ourselves, is not counted. No view shows settings with a dot,
 * so `$1` has the names that may have been set. `prepared` lists the statements of SQL's PREPARE. `preparedCount`
 * counts those of the driver, which go on being used, and shows whether any are missing.
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

/** The values of the settings with a dot after a reset of all settings. */
export const CUSTOM_SETTINGS = `
SELECT pg_catalog.to_json(ARRAY(
  SELECT pg_catalog.current_setting(name, true)
  FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name))::pg_catalog.text AS custom`

/**
 * Cleans everything at once, whatever was left; that is cheaper than looking first. The reset of the session
 * authorization comes first, so that the pool's own role runs the rest. It also resets the role, which RESET ALL does
 * not. CLOSE ALL also closes cursors that outlive their transaction.
 */
export const CLEAN_SESSION = `RESET SESSION AUTHORIZATION; RESET ALL; UNLISTEN *; CLOSE ALL; SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP`

/**
 * Does the same in half the time (measured), and also discards the session's sequence values. It drops the driver's
 * prepared statements, and can't run inside a transaction.
 */
export const DISCARD_ALL = `DISCARD ALL`

/** The reset of all settings has removed our own client check too, so this enables it again. */
export const SET_CLIENT_CHECK_AGAIN: string = `SET ${CLIENT_CHECK} = ${CLIENT_CHECK_MS}`

/** Deallocates only the statements of SQL's PREPARE, not those of the driver. */
export const DEALLOCATE_SQL = `
DO $$ DECLARE statement pg_catalog.text; BEGIN
  FOR statement IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql
  LOOP EXECUTE pg_catalog.format('DEALLOCATE %I', statement); END LOOP;
END $$`

export const DEALLOCATE_ALL = `DEALLOCATE ALL`
