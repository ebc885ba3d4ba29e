import { momentText } from './moment-sql.js'

/** Who leads: one row per key that was ever campaigned for. It stays, so that its token keeps older leaders out. */
export const RECORD_LEADER = `
INSERT INTO lockpool.leader AS stored (key, name, token, session, since)
VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (key) DO UPDATE
SET name = excluded.name, token = excluded.token, session = excluded.session, since = excluded.since
WHERE stored.token < excluded.token`

/**
 * No row if nobody holds the key. Whether somebody leads is a matter of the lock, not of what was written down: a leader
 * that died has left its row behind.
 */
export const READ_LEADER: string = `
SELECT leader.name, leader.token::text AS token, ${momentText('leader.since')} AS since
FROM pg_catalog.pg_locks AS held
LEFT JOIN lockpool.leader AS leader ON leader.key = $1 AND leader.session = held.pid
WHERE held.locktype = 'advisory' AND held.granted AND held.mode = 'ExclusiveLock'
  AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND (held.classid::int8 << 32 | held.objid::int8) = $2::int8 AND held.objsubid = $3`

/** The same where names can't be read. */
export const READ_LEADER_WITHOUT_NAME = `
SELECT NULL AS name, NULL AS token, NULL AS since
FROM pg_catalog.pg_locks AS held
WHERE held.locktype = 'advisory' AND held.granted AND held.mode = 'ExclusiveLock'
  AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND (held.classid::int8 << 32 | held.objid::int8) = $1::int8 AND held.objsubid = $2`
