/** What a dashboard sends on a connection that others use too, so nothing of it may stay behind. */

/** Whoever looks must not become the next one that waits: for a catalog that somebody has locked, or on a busy server. */
export const BEGIN_LOOK = `BEGIN READ ONLY; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'`

export const END_LOOK = `COMMIT`

export const GIVE_UP_LOOK = `ROLLBACK`
