/**
 * The dashboard sends these statements on a connection that other code uses too, so none of them may leave anything
 * behind.
 */

/**
 * The first statement in our transactions on a shared connection. Any user may have created functions, operators and
 * types in `public` with the names of the server's own, and they would run with the rights of the user who inspects.
 * PostgreSQL searches the temporary schema first unless the path names it.
 */
export const OWN_NAMES = `SET LOCAL search_path = pg_catalog, pg_temp`

/**
 * An inspection must not itself wait for long, neither for a locked catalog nor on a busy server. What can be read
 * depends on how the server calls itself.
 */
export const BEGIN_LOOK: string = `BEGIN READ ONLY; ${OWN_NAMES}; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'; SELECT pg_catalog.version() AS version`

export const END_LOOK = `COMMIT`

export const GIVE_UP_LOOK = `ROLLBACK`
