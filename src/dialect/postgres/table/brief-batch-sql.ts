import { TOKEN_STEP } from '../../lock-operation.js'
import { own } from './own-words.js'
import { gate, withNotifications } from './batch-sql.js'

/**
 * First attempts and releases in exclusive mode: nearly all operations when processes don't contend. The result is the
 * same as that of `BATCH`, in two thirds of the time: with lists instead of a code per row, which the server reads
 * without materializing them, and with an answer that lists only exceptions.
 *
 * Parameters: `$1` keys without a known row; `$2` other keys, and in `$3` for each the token of the hold to release, or
 * 0 for an attempt; `$4` the member that asks, `$5` its epoch, `$6` the members that are dead, `$7` the number of
 * releases. Keys are sorted, so two batches can't deadlock.
 */
const GATE = gate('$4', '$5')

const IS_TRY = 'o.t {=} 0'
const IS_UNOWNED = '(l.owner IS NULL OR l.owner {=} ANY ($6::bigint[]))'
const IS_UNREAD = '(l.readers IS NULL OR l.readers {<@} $6::bigint[])'
const IS_MY_TURN =
  '(l.waiters IS NULL OR pg_catalog.cardinality(l.waiters) {=} 0 OR l.waiters[1] {=} $4::bigint)'
const waitersWithoutSelf = (row: string): string =>
  `pg_catalog.array_remove(pg_catalog.array_remove(${row}.waiters, $4::bigint), {-} $4::bigint)`

/** The first waiter gets the lock at once if it is a writer that is not known to be dead: see `BATCH`. */
const PASSES = `(l.waiters[1] {>} 0 AND NOT l.waiters[1] {=} ANY ($6::bigint[]) AND ${IS_UNREAD})`

/**
 * A new row is free. A row that exists after all is not counted; the operation is then repeated as one on a known row.
 */
const MADE = `
made AS (
  INSERT INTO lockpool.lease AS l (generation, key, owner, token)
  SELECT gate.generation, pg_catalog.unnest($1::bigint[]), $4::bigint, gate.floor {+} ${TOKEN_STEP}
  FROM gate
  ON CONFLICT (generation, key) DO NOTHING
  RETURNING l.key
)`

const CHANGED = withNotifications(`
  UPDATE lockpool.lease AS l SET
    owner = CASE WHEN ${IS_TRY} THEN $4::bigint WHEN ${PASSES} THEN l.waiters[1] END,
    readers = CASE WHEN ${IS_TRY} THEN NULL ELSE l.readers END,
    waiters = CASE WHEN l.waiters IS NULL THEN NULL WHEN ${IS_TRY} THEN ${waitersWithoutSelf('l')} WHEN ${PASSES} THEN l.waiters[2:] ELSE l.waiters END,
    token = l.token {+} CASE WHEN ${IS_TRY} OR ${PASSES} THEN ${TOKEN_STEP} ELSE 0 END
  FROM (
    SELECT
      gate.generation,
      pg_catalog.unnest($2::bigint[]) AS k,
      pg_catalog.unnest($3::bigint[]) AS t,
      pg_catalog.generate_series(1, pg_catalog.cardinality($2::bigint[])) AS i
    FROM gate
  ) AS o
  WHERE l.generation {=} o.generation AND l.key {=} o.k AND CASE
    WHEN ${IS_TRY} THEN ${IS_UNOWNED} AND ${IS_UNREAD} AND ${IS_MY_TURN}
    ELSE l.owner {=} $4::bigint AND l.token {=} o.t END
  RETURNING o.i, o.t, l.key, l.token, CASE WHEN l.owner {<>} $4::bigint THEN l.owner END AS owner, NOT ${IS_TRY} AS gives,
    CASE WHEN pg_catalog.cardinality(l.waiters) {>} 0 THEN l.waiters END AS waiters`)

const RELEASED = 'u.t {<>} 0'

export const BRIEF_BATCH: string = own(`
WITH ${GATE}, ${MADE}, ${CHANGED}
SELECT
  (SELECT gate.floor::pg_catalog.text FROM gate) AS floor,
  CASE WHEN (SELECT pg_catalog.count(*) FROM made) {<>} pg_catalog.cardinality($1::bigint[])
    THEN (SELECT pg_catalog.concat(pg_catalog.array_to_string(pg_catalog.array_agg(made.key), ' ')) FROM made) END AS made,
  pg_catalog.array_to_string(done.taken, ' ') AS taken,
  pg_catalog.array_to_string(done.tokens, ' ') AS tokens,
  CASE WHEN done.released {<>} $7::bigint
    THEN (SELECT pg_catalog.concat(pg_catalog.array_to_string(pg_catalog.array_agg(u.i), ' ')) FROM u WHERE ${RELEASED})
    END AS released,
  pg_catalog.array_to_string(done.awaited, ' ') AS awaited,
  CASE WHEN done.is_waited_for THEN (SELECT rung.n FROM rung) END AS rung
FROM (
  SELECT
    pg_catalog.array_agg(u.i) FILTER (WHERE u.t {=} 0) AS taken,
    pg_catalog.array_agg(u.token) FILTER (WHERE u.t {=} 0) AS tokens,
    pg_catalog.count(*) FILTER (WHERE ${RELEASED}) AS released,
    pg_catalog.array_agg(u.i) FILTER (
      WHERE ${RELEASED} AND (u.owner IS NOT NULL OR u.waiters IS NOT NULL AND pg_catalog.cardinality(${waitersWithoutSelf('u')}) {>} 0)
    ) AS awaited,
    pg_catalog.bool_or(u.waiters IS NOT NULL OR u.owner IS NOT NULL) FILTER (WHERE ${RELEASED}) AS is_waited_for
  FROM u
) AS done`)

/**
 * Calls the same statement through the function that `lockpool install --backend table`, or a pool that may, creates.
 */
export const CALL_BRIEF_BATCH = `SELECT * FROM lockpool.table_brief_batch_4($1, $2, $3, $4, $5, $6, $7)`
