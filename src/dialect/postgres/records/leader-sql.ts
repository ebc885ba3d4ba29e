import { momentText } from '../connection/moment-sql.js'

/**
 * Records the leader, with one row per key that ever had a campaign. The row stays, so that its token keeps earlier
 * leaders out.
 */
export const RECORD_LEADER = `
INSERT INTO lockpool.leader AS stored (key, name, token, session, since)
VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp())
ON CONFLICT (key) DO UPDATE
SET name = excluded.name, token = excluded.token, session = excluded.session, since = excluded.since
WHERE stored.token OPERATOR(pg_catalog.<) excluded.token`

/**
 * Returns no row if no session holds the key. The lock decides whether there is a leader, not the record: a leader that
 * died has left its row behind.
 */
export const READ_LEADER: string = `
SELECT leader.name, leader.token::pg_catalog.text AS token, ${momentText('leader.since')} AS since
FROM pg_catalog.pg_locks AS held
LEFT JOIN lockpool.leader AS leader
  ON leader.key OPERATOR(pg_catalog.=) $1 AND leader.session OPERATOR(pg_catalog.=) held.pid
WHERE held.locktype OPERATOR(pg_catalog.=) 'advisory' AND held.granted
  AND held.mode OPERATOR(pg_catalog.=) 'ExclusiveLock'
  AND held.database OPERATOR(pg_catalog.=) (
    SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
  AND ((held.classid::bigint OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) held.objid::bigint)
    OPERATOR(pg_catalog.=) $2::bigint
  AND held.objsubid OPERATOR(pg_catalog.=) $3`

/** Does the same for a role that may not read the names. */
export const READ_LEADER_WITHOUT_NAME = `
SELECT NULL AS name, NULL AS token, NULL AS since
FROM pg_catalog.pg_locks AS held
WHERE held.locktype OPERATOR(pg_catalog.=) 'advisory' AND held.granted
  AND held.mode OPERATOR(pg_catalog.=) 'ExclusiveLock'
  AND held.database OPERATOR(pg_catalog.=) (
    SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
  AND ((held.classid::bigint OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) held.objid::bigint)
    OPERATOR(pg_catalog.=) $1::bigint
  AND held.objsubid OPERATOR(pg_catalog.=) $2`
