/**
 * How locks of a namespace are kept in this database: `advisory`, `table`, or `moving` while that is being changed. Whoever
 * comes first writes it. Pools of another kind would not be excluded by those of this one.
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

/** One of two that come at the same moment waits here for the other, and does nothing. */
export const CLAIM_BACKEND = `
INSERT INTO lockpool.backend (namespace, backend, used_by) VALUES ($1, $2, $3) ON CONFLICT (namespace) DO NOTHING`

/** The same by who has rows, and leaves no session behind that is to be found by its last words. */
export const READ_BACKEND_FOR_ROWS = `
SELECT backend.used_by, backend.backend, backend.since::pg_catalog.text AS since
FROM lockpool.backend AS backend WHERE backend.namespace OPERATOR(pg_catalog.=) $1`

/** Sent by every lock session, so that it is the last word of one that has done nothing else yet. */
export const READ_BACKEND = `
SELECT backend.backend, backend.used_by, backend.since::pg_catalog.text AS since
FROM lockpool.backend AS backend WHERE backend.namespace OPERATOR(pg_catalog.=) $1`
