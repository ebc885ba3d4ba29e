/** Names of keys for people, in schema `lockpool`. */

/**
 * In one order for all pools, so that none waits for another in a circle. An empty text is none: a session may have been told
 * that arrays have no nulls (`array_nulls`).
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
 * What nobody has used for a week goes, and the oldest of more than a hundred thousand. Sent behind every write, and carried
 * out behind one in thirty: the server draws the number first, and mostly looks no further.
 */
export const SWEEP_KEY_NAMES = `
DELETE FROM lockpool.key_name
WHERE (SELECT pg_catalog.random()) OPERATOR(pg_catalog.<) 0.03
  AND (seen OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '7 days')
    OR key OPERATOR(pg_catalog.=) ANY (SELECT key FROM lockpool.key_name ORDER BY seen DESC OFFSET 100000))`

/** Semaphores all, because only with them their slots can be told from other keys; names of locks where they are needed. */
export const KEY_NAMES = `
SELECT key, name, namespace, shapes::text AS shapes
FROM lockpool.key_name
WHERE shapes IS NOT NULL OR key = ANY ($1::text[])`
