import { momentText } from '../connection/moment-sql.js'
import { IS_CURRENT } from './generation-sql.js'
import { own } from './own-words.js'

/**
 * Records the leader for locks that are rows. The record counts while the row of the lock has the token of its term.
 */
export const RECORD_TABLE_LEADER: string = own(`
INSERT INTO lockpool.leader AS stored (key, name, token, session, since)
VALUES ($1, $2, $3, 0, pg_catalog.clock_timestamp())
ON CONFLICT (key) DO UPDATE
SET name = excluded.name, token = excluded.token, session = excluded.session, since = excluded.since
WHERE stored.token {<} excluded.token`)

/** The token of a term may be larger than that of the row, by less than a step. */
export const READ_TABLE_LEADER: string = own(`
SELECT leader.name, leader.token::pg_catalog.text AS token, ${momentText('leader.since')} AS since
FROM lockpool.lease AS l
JOIN lockpool.member AS member ON member.id {=} l.owner AND NOT member.dead
LEFT JOIN lockpool.leader AS leader
  ON leader.key {=} $1 AND leader.token {>=} l.token AND leader.token {<} (l.token {+} 1024)
WHERE ${IS_CURRENT} AND l.key {=} $2::bigint`)
