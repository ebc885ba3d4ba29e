/**
 * The heartbeat asks for the backend pid. Behind a pooler that has switched server sessions, another session answers
 * than the one that holds the locks.
 */
export const HEARTBEAT = `SELECT pg_catalog.pg_backend_pid() AS pid`

/** The same for engines where no lock depends on a session. */
export const ALIVE = `SELECT 1 AS alive`
