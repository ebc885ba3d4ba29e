import { IS_CURRENT, IS_UNUSED } from './generation-sql.js'
import { own } from './own-words.js'

/**
 * How rows of free keys are removed. Each step is a separate statement, and so a separate transaction, in this order.
 */

/** Some free rows and their largest token, if there are more than $1 free rows. */
export const FREE_ROWS: string = own(`
SELECT
  pg_catalog.array_to_string(pg_catalog.array_agg(free.key), ' ') AS keys,
  pg_catalog.max(free.token)::pg_catalog.text AS token
FROM (
  SELECT l.key, l.token
  FROM lockpool.lease AS l
  WHERE ${IS_UNUSED}
  LIMIT $2::int
) AS free
HAVING pg_catalog.count(*) {>} $1::int`)

/**
 * Members that join from now on start new rows above this floor. This waits for members that are joining. The floor
 * grows in any case, because that tells all members that rows are gone.
 */
export const RAISE_FLOOR: string = own(`
UPDATE lockpool.floor AS floor SET floor = greatest($1::bigint, floor.floor {+} 1)
RETURNING floor.floor::pg_catalog.text AS floor`)

/**
 * The other members use the floor from their next statement on. This waits for statements that have passed the gate
 * with the old floor.
 */
export const RAISE_FLOOR_OF_MEMBERS: string = own(`
UPDATE lockpool.member AS member SET floor = $1::bigint WHERE member.floor {<} $1::bigint`)

/** Removes those rows that are still free and whose token is not above the floor. */
export const REMOVE_ROWS: string = own(`
DELETE FROM lockpool.lease AS l
WHERE ${IS_CURRENT} AND l.key {=} ANY ($1::bigint[]) AND l.token {<=} $2::bigint AND ${IS_UNUSED}`)
