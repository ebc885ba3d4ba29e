import { TOKEN_STEP } from '../../lock-operation.js'
import { own } from '../table/own-words.js'

/** Records the leader. The record counts while the row of the lock has the token of its term. */
export const RECORD_LEADER: string = own(`
INSERT INTO lockpool.dist_leader AS stored (key, name, token, since)
VALUES ($1::varchar, $2::varchar, $3::bigint, $4::bigint)
ON CONFLICT (key) DO UPDATE SET name = excluded.name, token = excluded.token, since = excluded.since
WHERE stored.token {<} excluded.token`)

/** The token of a term may be larger than that of the row, by less than a step. */
export const READ_LEADER: string = own(`
SELECT s.name, s.token, s.since
FROM lockpool.dist_lease AS l
JOIN lockpool.dist_member AS m ON m.id {=} l.owner AND NOT m.dead
LEFT JOIN lockpool.dist_leader AS s
  ON s.key {=} $1::varchar AND s.token {>=} l.token AND s.token {<} (l.token {+} ${TOKEN_STEP})
WHERE l.key {=} $2::bigint`)
