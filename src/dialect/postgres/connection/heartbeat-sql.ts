/** Behind a pooler that changes its mind, the session that answers is no longer the one that holds the locks. */
export const HEARTBEAT = `SELECT pg_catalog.pg_backend_pid() AS pid`
