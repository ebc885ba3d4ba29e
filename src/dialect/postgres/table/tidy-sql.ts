import { own } from './own-words.js'

/** How rows of keys that nobody has are removed. Each is a statement, and so a transaction, of its own, in this order. */

/** Some that are free, and the greatest token of them, if there are more than $1 in all. */
export const FREE_ROWS: string = own(`
SELECT
  pg_catalog.array_to_string(pg_catalog.array_agg(free.key), ' ') AS keys,
  pg_catalog.max(free.token)::pg_catalog.text AS token
FROM (
  SELECT l.key, l.token
  FROM lockpool.lease AS l
  WHERE l.owner IS NULL AND coalesce(pg_catalog.cardinality(l.readers), 0) {=} 0
    AND coalesce(pg_catalog.cardinality(l.waiters), 0) {=} 0
  LIMIT $2::int
) AS free
HAVING pg_catalog.count(*) {>} $1::int`)

/**
 * Members that join from now on begin new rows above it. It waits for those that are joining. It goes up in any case, because
 * that is how everybody learns that rows are gone.
 */
export const RAISE_FLOOR: string = own(`
UPDATE lockpool.floor AS floor SET floor = greatest($1::bigint, floor.floor {+} 1)
RETURNING floor.floor::pg_catalog.text AS floor`)

/** The others do so from their next statement on. It waits for statements that have passed the gate with the old one. */
export const RAISE_FLOOR_OF_MEMBERS: string = own(`
UPDATE lockpool.member AS member SET floor = $1::bigint WHERE member.floor {<} $1::bigint`)

/** Those that are still free, and have not gone above the floor. */
export const REMOVE_ROWS: string = own(`
DELETE FROM lockpool.lease AS l
WHERE l.key {=} ANY ($1::bigint[]) AND l.token {<=} $2::bigint AND l.owner IS NULL
  AND coalesce(pg_catalog.cardinality(l.readers), 0) {=} 0
  AND coalesce(pg_catalog.cardinality(l.waiters), 0) {=} 0`)
