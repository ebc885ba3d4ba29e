import { own } from '../table/own-words.js'
import { TOKEN_STEP } from '../../lock-operation.js'

/** How the locks of a namespace are moved from one backend to the other. */

/** From now on no pool with either backend can start in this namespace. Returns the previous backend. */
export const BEGIN_MOVE: string = own(`
WITH before AS (SELECT backend.backend FROM lockpool.backend AS backend WHERE backend.namespace {=} $1),
moved AS (
  INSERT INTO lockpool.backend AS backend (namespace, backend, used_by) VALUES ($1, 'moving', $2)
  ON CONFLICT (namespace) DO UPDATE
  SET backend = 'moving', used_by = excluded.used_by, since = pg_catalog.now()
  RETURNING backend.backend
)
SELECT (SELECT before.backend FROM before) AS before, (SELECT moved.backend FROM moved) AS now`)

export const END_MOVE: string = own(`
UPDATE lockpool.backend AS backend SET backend = $2, used_by = $3, since = pg_catalog.now()
WHERE backend.namespace {=} $1 AND backend.backend {=} 'moving'`)

/** The other sessions of this database, with the last statement of each. */
export const OTHER_SESSIONS: string = own(`
SELECT activity.pid, coalesce(activity.application_name, '') AS application, activity.query
FROM pg_catalog.pg_stat_activity AS activity
WHERE activity.datname {=} pg_catalog.current_database() AND activity.pid {<>} pg_catalog.pg_backend_pid()
  AND activity.backend_type {=} 'client backend'`)

/** The members of the namespace, in the form that an observer reads, and with their names. */
export const MEMBERS: string = own(`
SELECT
  pg_catalog.string_agg(
    pg_catalog.concat(member.id, ':', member.beat, ':', member.lease_ms, ':', CASE WHEN member.dead THEN 'd' END), ' ')
    AS others,
  pg_catalog.string_agg(member.name, ', ') FILTER (WHERE NOT member.dead) AS living
FROM lockpool.member AS member
WHERE member.namespace {=} $1`)

/** Raises the tokens of all rows without a holder above every token that the sequence has given. */
export const TOKENS_TO_ROWS: readonly string[] = [
  own(`
UPDATE lockpool.floor AS floor
SET floor = greatest(floor.floor, (SELECT fence.last_value FROM lockpool.fence AS fence))`),
  own(`
UPDATE lockpool.lease AS l
SET token = greatest(l.token, (SELECT fence.last_value FROM lockpool.fence AS fence))
WHERE l.owner IS NULL AND coalesce(pg_catalog.cardinality(l.readers), 0) {=} 0`),
]

/** Moves the sequence above every token that a row has given. */
export const TOKENS_TO_SEQUENCE: string = own(`
SELECT pg_catalog.setval('lockpool.fence', greatest(
  fence.last_value,
  (SELECT floor.floor FROM lockpool.floor AS floor),
  (SELECT coalesce(pg_catalog.max(l.token), 0) FROM lockpool.lease AS l)) {+} ${TOKEN_STEP})
FROM lockpool.fence AS fence`)
