import { TOKEN_STEP } from '../../lock-operation.js'
import { withNotifications } from './batch-sql.js'
import { IS_CURRENT } from './generation-sql.js'
import { own } from './own-words.js'
import { IS_ON_TIMELINE } from './timeline-sql.js'

/** What members write about themselves and about each other. */

/**
 * The floor is read under a lock. So a session that raises the floor sees this member, or the member sees the raised
 * floor. Returns no row if the rows are by now valid on another timeline.
 */
export const JOIN: string = own(`
INSERT INTO lockpool.member (id, floor, generation, lease_ms, namespace, name, timeline)
SELECT $1::bigint, floor.floor, floor.generation, $2::int, $3::pg_catalog.text, $4::pg_catalog.text, $5::pg_catalog.text
FROM (
  SELECT believed.floor, believed.generation FROM lockpool.floor AS believed
  WHERE $5::pg_catalog.text IS NULL OR believed.timeline {=} $5::pg_catalog.text
  FOR SHARE
) AS floor
RETURNING floor::pg_catalog.text AS floor, secret`)

/**
 * A heartbeat. The answer also has the state of all other members. `beat` is null if this member was declared dead, or
 * has joined on another timeline of the server.
 */
export const BEAT: string = own(`
WITH mine AS (
  UPDATE lockpool.member AS member SET beat = member.beat {+} 1
  WHERE member.id {=} $1::bigint AND NOT member.dead AND ${IS_ON_TIMELINE}
  RETURNING member.beat
)
SELECT
  (SELECT mine.beat::pg_catalog.text FROM mine) AS beat,
  (
    SELECT pg_catalog.string_agg(
      pg_catalog.concat(other.id, ':', other.beat, ':', other.lease_ms, ':', CASE WHEN other.dead THEN 'd' END), ' ')
    FROM lockpool.member AS other
    WHERE other.id {<>} $1::bigint
  ) AS others`)

/** Compare-and-set: declares a member dead only if its counter has not moved from the value at which it stood still. */
export const BURY: string = own(`
UPDATE lockpool.member AS member SET dead = true
WHERE member.id {=} $1::bigint AND member.beat {=} $2::bigint AND NOT member.dead
RETURNING member.id`)

/** The member gives up all its locks. */
export const ABANDON: string = own(`
UPDATE lockpool.member AS member SET dead = true WHERE member.id {=} $1::bigint AND NOT member.dead`)

/** The rows that name the member `$1`, which is `$2` with a minus. */
const ROWS_OF_MEMBER = `
  SELECT FROM lockpool.lease AS l
  WHERE l.owner {=} $1::bigint OR $1::bigint {=} ANY (l.readers)
    OR $1::bigint {=} ANY (l.waiters) OR $2::bigint {=} ANY (l.waiters)`

/**
 * Removes a member without locks and waits. If a row still names it, it stays: a lock that a release gives to a missing
 * member would have no owner.
 */
export const LEAVE: string = own(`
DELETE FROM lockpool.member AS member
WHERE member.id {=} $1::bigint AND NOT EXISTS (${ROWS_OF_MEMBER})
RETURNING member.id`)

/** Waits for every statement of the member that has passed the gate. Later ones of an older epoch change nothing. */
export const RAISE_EPOCH: string = own(`
UPDATE lockpool.member AS member SET epoch = $2::bigint
WHERE member.id {=} $1::bigint AND member.epoch {<} $2::bigint`)

/** No row, or a dead one, means that the member was declared dead. */
export const LOOK_AT_MEMBER: string = own(`
SELECT member.epoch::pg_catalog.text AS epoch, member.dead, ${IS_ON_TIMELINE} AS is_current
FROM lockpool.member AS member WHERE member.id {=} $1::bigint`)

/** Dead members get no lock passed: each would keep it until its own cleanup. */
const IS_DEAD = (member: string): string => `${member} {=} ANY ($2::bigint[])`
const LEFT_WAITERS = `(
      SELECT pg_catalog.array_agg(w.id ORDER BY w.i)
      FROM pg_catalog.unnest(l.waiters) WITH ORDINALITY AS w (id, i)
      WHERE NOT ${IS_DEAD('pg_catalog.abs(w.id)')})`

/** The first waiter gets what has become free, as in a release. */
const PASSES = `((l.owner IS NULL OR ${IS_DEAD('l.owner')}) AND (l.readers IS NULL OR l.readers {<@} $2::bigint[])
    AND (${LEFT_WAITERS})[1] {>} 0)`

/**
 * Cleans up after a dead member: `$1`, and `$3` with a minus; `$2` has all members that are known to be dead. Runs after
 * RAISE_EPOCH, as a separate statement, so none of the member's statements can follow.
 */
export const SWEEP: string = own(`
WITH ${withNotifications(`
  UPDATE lockpool.lease AS l SET
    owner = CASE WHEN ${PASSES} THEN (${LEFT_WAITERS})[1] WHEN l.owner {=} $1::bigint THEN NULL ELSE l.owner END,
    readers = CASE WHEN ${PASSES} THEN NULL ELSE pg_catalog.array_remove(l.readers, $1::bigint) END,
    waiters = CASE WHEN ${PASSES} THEN (${LEFT_WAITERS})[2:] ELSE ${LEFT_WAITERS} END,
    token = l.token {+} CASE WHEN ${PASSES} THEN ${TOKEN_STEP} ELSE 0 END
  WHERE l.owner {=} $1::bigint OR $1::bigint {=} ANY (l.readers)
    OR $1::bigint {=} ANY (l.waiters) OR $3::bigint {=} ANY (l.waiters)
  RETURNING l.key, l.owner, l.waiters, l.token, true AS gives`)}
SELECT rung.n FROM rung`)

/**
 * A change of the generation may have moved rows while SWEEP waited for them. Then the member stays, and the next
 * cleanup finds those rows.
 */
export const REMOVE_DEAD: string = own(`
DELETE FROM lockpool.member AS member
WHERE member.id {=} $1::bigint AND member.dead AND NOT EXISTS (${ROWS_OF_MEMBER})`)

/** The holders of a key. */
export const HOLDERS: string = own(`
SELECT member.id::pg_catalog.text AS id, member.name
FROM lockpool.lease AS l
JOIN lockpool.member AS member ON member.id {=} l.owner OR member.id {=} ANY (l.readers)
WHERE ${IS_CURRENT} AND l.key {=} $1::bigint AND NOT member.dead AND member.id {<>} $2::bigint
ORDER BY member.id`)

/** For keys with waiters: whether they are taken, and the order of the waiters. Dead members count as absent. */
export const PLACES: string = own(`
SELECT
  l.key::pg_catalog.text AS key,
  l.token::pg_catalog.text AS token,
  (l.owner IS NULL OR l.owner {=} ANY ($2::bigint[])) AS is_unowned,
  (l.readers IS NULL OR l.readers {<@} $2::bigint[]) AS is_unread,
  l.owner::pg_catalog.text AS owner,
  pg_catalog.array_to_string(l.waiters, ' ') AS waiters
FROM lockpool.lease AS l
WHERE ${IS_CURRENT} AND l.key {=} ANY ($1::bigint[])`)

/** Those of the given keys that other members wait for. */
export const WANTED_BY_OTHERS: string = own(`
SELECT l.key::pg_catalog.text AS key
FROM lockpool.lease AS l
WHERE ${IS_CURRENT} AND l.key {=} ANY ($1::bigint[])
  AND pg_catalog.cardinality(
    pg_catalog.array_remove(pg_catalog.array_remove(l.waiters, $2::bigint), $3::bigint)) {>} 0`)

/** The first statement to a server. */
export const TABLE_SERVER = `
SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_is_in_recovery() AS is_standby`

/** Tests whether another connection receives notifications of this one. */
export const NOTIFY_CHANNEL = `SELECT pg_catalog.pg_notify($1::pg_catalog.text, '')`

/** The same for all connections to this database of this server. */
export const PLACE_OF_SERVER: string = own(`
SELECT pg_catalog.concat_ws(' ', database.oid, extract(epoch FROM pg_catalog.pg_postmaster_start_time())) AS place
FROM pg_catalog.pg_database AS database WHERE database.datname {=} pg_catalog.current_database()`)
