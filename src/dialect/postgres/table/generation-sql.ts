import { own } from './own-words.js'
import { IS_ON_TIMELINE } from './timeline-sql.js'

/**
 * All rows of locks have the same generation. It makes no difference to what a row says, only to how fast the index
 * finds it. While a snapshot is open anywhere in the database, the server keeps every old version of a row, and finds
 * the newest one by reading them all. Rows that move to the next generation leave their old versions behind.
 */

/** For a statement without a gate. Its snapshot shows the generation and the rows of the same moment. */
export const IS_CURRENT: string = own(
  `l.generation {=} (SELECT current.generation FROM lockpool.floor AS current)`,
)

/** No member has the lock or waits for it. */
export const IS_UNUSED: string = own(`l.owner IS NULL AND coalesce(pg_catalog.cardinality(l.readers), 0) {=} 0
    AND coalesce(pg_catalog.cardinality(l.waiters), 0) {=} 0`)

/**
 * How many old versions the table has, how many rows, and how often rows were written. These are the server's
 * statistics, which lag by a second. The floor grows with each removal of rows, and with each generation.
 */
export const OLD_VERSIONS: string = own(`
SELECT
  pg_catalog.pg_stat_get_dead_tuples(class.oid)::pg_catalog.text AS old,
  pg_catalog.pg_stat_get_live_tuples(class.oid)::pg_catalog.text AS rows,
  (pg_catalog.pg_stat_get_tuples_inserted(class.oid) {+} pg_catalog.pg_stat_get_tuples_deleted(class.oid))::pg_catalog.text AS changes,
  pg_catalog.pg_stat_get_tuples_updated(class.oid)::pg_catalog.text AS updates,
  floor.floor::pg_catalog.text AS floor,
  floor.generation::pg_catalog.text AS generation
FROM lockpool.floor AS floor
CROSS JOIN pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid {=} class.relnamespace
WHERE class.relname {=} 'lease' AND namespace.nspname {=} 'lockpool'`)

/** The batches of all members wait while rows move, so a move waits no longer for one of them. */
const MOVE_LIMIT_MS = 200

/**
 * Moves the rows to the next generation, as one message and so one transaction. Each statement sees what has been committed before it
 * begins, so the level must be READ COMMITTED. If another member has been faster, no statement finds anything.
 *
 * 1. From the first statement on no member can join: joining locks the floor.
 * 2. The second waits for all statements that have passed the gate. Later ones wait at the gate, and then find another
 *    epoch there: they change nothing, and are repeated with the new one.
 * 3. Unused rows are not moved, so the floor rises above their tokens, as when rows are removed.
 *
 * `member` is the member that does this. It must be alive, and on its timeline: see CHANGE_TIMELINE.
 */
export function nextGeneration(member: string, generation: string): string {
  const next = `(${generation}::bigint {+} 1)`
  return [
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
    `SET LOCAL lock_timeout = ${MOVE_LIMIT_MS}`,
    `
UPDATE lockpool.floor AS floor SET generation = ${next}
WHERE floor.generation {=} ${generation}::bigint AND EXISTS (
  SELECT FROM lockpool.member AS member
  WHERE member.id {=} ${member}::bigint AND NOT member.dead AND ${IS_ON_TIMELINE})`,
    `
UPDATE lockpool.member AS member SET epoch = member.epoch {+} 1, generation = ${next}
FROM lockpool.floor AS floor
WHERE floor.generation {=} ${next} AND member.generation {=} ${generation}::bigint`,
    `
UPDATE lockpool.floor AS floor
SET floor = greatest(floor.floor {+} 1, (SELECT pg_catalog.max(l.token) FROM lockpool.lease AS l))
WHERE floor.generation {=} ${next} AND EXISTS (
  SELECT FROM lockpool.lease AS l WHERE l.generation {=} ${generation}::bigint)`,
    `
UPDATE lockpool.member AS member SET floor = floor.floor
FROM lockpool.floor AS floor
WHERE floor.generation {=} ${next} AND member.floor {<} floor.floor`,
    `
WITH moved AS (
  DELETE FROM lockpool.lease AS l
  USING lockpool.floor AS floor
  WHERE floor.generation {=} ${next} AND l.generation {=} ${generation}::bigint
  RETURNING l.key, l.owner, l.readers, l.waiters, l.token, ${IS_UNUSED} AS is_unused
)
INSERT INTO lockpool.lease (generation, key, owner, readers, waiters, token)
SELECT ${next}, moved.key, moved.owner, moved.readers, moved.waiters, moved.token
FROM moved WHERE NOT moved.is_unused`,
  ]
    .map(own)
    .join(';')
}
