/** What a dashboard sends on a connection that others use too, so nothing of it may stay behind. */

/**
 * First in a transaction of ours on a connection that others use as well. In `public` there may be functions, operators and
 * types of anybody's, with the names of the server's own, and they would run with the rights of whoever looks. The temporary
 * schema is searched first unless it is named.
 */
export const OWN_NAMES = `SET LOCAL search_path = pg_catalog, pg_temp`

/** Whoever looks must not become the next one that waits: for a catalog that somebody has locked, or on a busy server. */
export const BEGIN_LOOK: string = `BEGIN READ ONLY; ${OWN_NAMES}; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'`

export const END_LOOK = `COMMIT`

export const GIVE_UP_LOOK = `ROLLBACK`
