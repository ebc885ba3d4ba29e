/** How a guard remembers the largest token that a resource has seen. */

/**
 * Returns no row if a holder with a larger token has been here. The row contains only null, because the caller's own
 * client reads it, and that client may parse values in any way.
 */
export const GUARD_WRITE = `
INSERT INTO lockpool.guard AS seen (resource, token)
VALUES ($1, $2)
ON CONFLICT (resource) DO UPDATE SET token = excluded.token
WHERE seen.token OPERATOR(pg_catalog.<=) excluded.token AND seen.reader_token OPERATOR(pg_catalog.<=) excluded.token
RETURNING NULL AS seen`

/**
 * Readers hold the lock at the same time, in any order. So only a later writer refuses a reader; a writer is refused by
 * later readers and writers.
 */
export const GUARD_READ = `
INSERT INTO lockpool.guard AS seen (resource, token, reader_token)
VALUES ($1, 0, $2)
ON CONFLICT (resource) DO UPDATE SET reader_token = greatest(seen.reader_token, excluded.reader_token)
WHERE seen.token OPERATOR(pg_catalog.<=) excluded.reader_token
RETURNING NULL AS seen`
