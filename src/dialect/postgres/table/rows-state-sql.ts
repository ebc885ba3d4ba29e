import { own } from './own-words.js'

/** The holders and waiters of all rows. Dead members count as absent. */
export const ROWS_IN_USE: string = own(`
SELECT
  l.key::pg_catalog.text AS key,
  member.id::pg_catalog.text AS id,
  member.name,
  used.is_writer,
  used.waits
FROM lockpool.lease AS l
CROSS JOIN LATERAL (
  SELECT l.owner AS id, true AS is_writer, false AS waits
  UNION ALL
  SELECT reader.id, false, false FROM pg_catalog.unnest(l.readers) AS reader (id)
  UNION ALL
  SELECT pg_catalog.abs(waiter.id), waiter.id {>} 0, true FROM pg_catalog.unnest(l.waiters) AS waiter (id)
) AS used
JOIN lockpool.member AS member ON member.id {=} used.id AND NOT member.dead
WHERE l.owner IS NOT NULL OR pg_catalog.cardinality(l.readers) {>} 0 OR pg_catalog.cardinality(l.waiters) {>} 0
ORDER BY l.key, used.waits, member.id`)

/** Ends a member on behalf of an administrator. Other members can acquire its locks at once. */
export const END_MEMBER: string = own(`
UPDATE lockpool.member AS member SET dead = true WHERE member.id {=} $1::bigint AND NOT member.dead RETURNING member.id`)
