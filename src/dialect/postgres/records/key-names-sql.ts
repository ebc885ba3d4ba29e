/** The names of keys, for people, in schema `lockpool`. */

/**
 * Inserts in the order of keys, which is the same for all pools, so no cycle of waits can form. An empty text stands
 * for null, because a session may have `array_nulls` switched off.
 */
export const WRITE_KEY_NAMES = `
INSERT INTO lockpool.key_name AS known (key, name, namespace, shapes, seen)
SELECT
  key,
  name,
  namespace,
  CASE WHEN pg_catalog.length(shapes) OPERATOR(pg_catalog.>) 0 THEN shapes::bigint END,
  pg_catalog.clock_timestamp()
FROM ROWS FROM (
  pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),
  pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])
) AS named (key, name, namespace, shapes)
ORDER BY key
ON CONFLICT (key) DO UPDATE
SET name = excluded.name, namespace = excluded.namespace, shapes = excluded.shapes, seen = excluded.seen`

/**
 * Deletes names that were not used for a week, and the oldest beyond a hundred thousand. Sent after every write, but
 * executed in about one of thirty: the server draws a random number first, and usually stops there.
 */
export const SWEEP_KEY_NAMES = `
DELETE FROM lockpool.key_name
WHERE (SELECT pg_catalog.random()) OPERATOR(pg_catalog.<) 0.03
  AND (seen OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '7 days')
    OR key OPERATOR(pg_catalog.=) ANY (SELECT key FROM lockpool.key_name ORDER BY seen DESC OFFSET 100000))`

/** Reads all semaphores, whose slots would otherwise look like other keys, and the names of the given locks. */
export const KEY_NAMES = `
SELECT key, name, namespace, shapes::text AS shapes
FROM lockpool.key_name
WHERE shapes IS NOT NULL OR key = ANY ($1::text[])`
