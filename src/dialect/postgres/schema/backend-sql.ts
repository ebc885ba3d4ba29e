/**
 * How the locks of a namespace are kept in this database: `advisory`, `table`, or `moving` during a change. The first
 * pool writes it. Locks of different backends would not exclude each other.
 */
export const CREATE_BACKEND = `
CREATE TABLE IF NOT EXISTS lockpool.backend (
  namespace pg_catalog.text PRIMARY KEY,
  backend pg_catalog.text NOT NULL,
  used_by pg_catalog.text NOT NULL,
  since timestamp with time zone NOT NULL DEFAULT pg_catalog.now()
)`

export function backendGrantTo(quotedRole: string): string {
  return `GRANT SELECT, INSERT, UPDATE ON lockpool.backend TO ${quotedRole}`
}

/** If two pools do this at the same moment, one waits here for the other and then changes nothing. */
export const CLAIM_BACKEND = `
INSERT INTO lockpool.backend (namespace, backend, used_by) VALUES ($1, $2, $3) ON CONFLICT (namespace) DO NOTHING`

/**
 * The same statement for pools with backend `table`. Its text differs, so that a session can't be mistaken for a lock
 * session because of its last statement.
 */
export const READ_BACKEND_FOR_ROWS = `
SELECT backend.used_by, backend.backend, backend.since::pg_catalog.text AS since
FROM lockpool.backend AS backend WHERE backend.namespace OPERATOR(pg_catalog.=) $1`

/** Every lock session sends this. So it is the last statement of a lock session that has done nothing else yet. */
export const READ_BACKEND = `
SELECT backend.backend, backend.used_by, backend.since::pg_catalog.text AS since
FROM lockpool.backend AS backend WHERE backend.namespace OPERATOR(pg_catalog.=) $1`
