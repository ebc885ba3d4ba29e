/** How a guard remembers the largest token that a resource has seen. */

/**
 * No row: somebody with a greater token has been here. A row has nothing in it, because it is read by the caller's own client,
 * which may read values in whatever way.
 */
export const GUARD_WRITE = `
INSERT INTO lockpool.guard AS seen (resource, token)
VALUES ($1, $2)
ON CONFLICT (resource) DO UPDATE SET token = excluded.token
WHERE seen.token OPERATOR(pg_catalog.<=) excluded.token AND seen.reader_token OPERATOR(pg_catalog.<=) excluded.token
RETURNING NULL AS seen`

/** Readers hold the lock together, in any order, so they make way only for writers, and writers for both. */
export const GUARD_READ = `
INSERT INTO lockpool.guard AS seen (resource, token, reader_token)
VALUES ($1, 0, $2)
ON CONFLICT (resource) DO UPDATE SET reader_token = greatest(seen.reader_token, excluded.reader_token)
WHERE seen.token OPERATOR(pg_catalog.<=) excluded.reader_token
RETURNING NULL AS seen`
