import { TOKEN_STEP } from '../../lock-operation.js'
import { own } from './own-words.js'
import { gate, MEMBER_CHANNEL } from './batch-sql.js'
import { IS_CURRENT } from './generation-sql.js'

/**
 * The permits of a semaphore: one row for each slot, one for the waiters, and one for each number of permits in use.
 */

/** Creates the rows of all slots. `$1` is sorted, so two sessions that do this at the same time can't deadlock. */
export const MAKE_SLOTS: string = own(`
WITH ${gate('$2', '$3')}, made AS (
  INSERT INTO lockpool.lease (generation, key, token)
  SELECT gate.generation, s.k, gate.floor FROM gate CROSS JOIN pg_catalog.unnest($1::bigint[]) AS s (k)
  ON CONFLICT (generation, key) DO NOTHING
  RETURNING key
)
SELECT (SELECT gate.floor::pg_catalog.text FROM gate) AS floor, (SELECT pg_catalog.count(*) FROM made) AS made`)

const IS_FREE = `(l.owner IS NULL OR l.owner {=} ANY ($5::bigint[]))`

/** Takes the first free ones, in the order of `$1`, up to `$2`. */
export const TAKE_SLOTS: string = own(`
WITH ${gate('$3', '$4')}, free AS MATERIALIZED (
  SELECT l.generation, l.key
  FROM gate
  CROSS JOIN pg_catalog.unnest($1::bigint[]) WITH ORDINALITY AS s (k, i)
  JOIN lockpool.lease AS l ON l.generation {=} gate.generation AND l.key {=} s.k
  WHERE ${IS_FREE}
  ORDER BY s.i
  LIMIT $2::int
  FOR NO KEY UPDATE OF l SKIP LOCKED
), taken AS (
  UPDATE lockpool.lease AS l SET owner = $3::bigint, token = l.token {+} ${TOKEN_STEP}
  FROM free
  WHERE l.generation {=} free.generation AND l.key {=} free.key AND ${IS_FREE}
  RETURNING l.key, l.token
)
SELECT
  (SELECT gate.floor::pg_catalog.text FROM gate) AS floor,
  (SELECT pg_catalog.string_agg(pg_catalog.concat(taken.key, ':', taken.token), ' ') FROM taken) AS taken`)

/** Those of the given slots that the member has. */
export const OWN_SLOTS: string = own(`
SELECT pg_catalog.string_agg(pg_catalog.concat(l.key, ':', l.token), ' ') AS taken
FROM lockpool.lease AS l
WHERE ${IS_CURRENT} AND l.key {=} ANY ($1::bigint[]) AND l.owner {=} $2::bigint`)

/** Wakes the first waiters for permits, except the member itself. */
export const WAKE_WAITERS: string = own(`
SELECT pg_catalog.count(pg_catalog.pg_notify(
  pg_catalog.concat('${MEMBER_CHANNEL}', w.id), l.key::pg_catalog.text))::int AS woken
FROM lockpool.lease AS l
CROSS JOIN LATERAL pg_catalog.unnest((pg_catalog.array_remove(l.waiters, $2::bigint))[1:$3::int]) AS w (id)
WHERE ${IS_CURRENT} AND l.key {=} $1::bigint`)

/**
 * The number of permits of another session that disagrees about it. `$1` is where the shapes begin, `$2` our own row.
 */
export const OTHER_SHAPES: string = own(`
SELECT (l.key {-} $1::bigint)::int AS permits
FROM lockpool.lease AS l
WHERE ${IS_CURRENT} AND l.key {>} $1::bigint AND l.key {<} ($1::bigint {+} 1024) AND l.key {<>} $2::bigint
  AND pg_catalog.cardinality(l.readers) {>} 0 AND NOT (l.readers {<@} $3::bigint[])
ORDER BY l.key
LIMIT 1`)
