import { MOVE_CLASS } from '../keys/key.js'

/**
 * How the locks of a namespace are kept in this database: `advisory`, `table`, or `moving from ...` during a change. The
 * first pool writes it. Locks of different backends would not exclude each other.
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

/**
 * A move holds this lock until it has ended, however it ends: the server releases it with the transaction. So a record
 * of a move without it was left by a process that is gone. A transaction, so that it also works through a pooler.
 */
export const TRY_MOVE_LOCK: string = `pg_catalog.pg_try_advisory_xact_lock(${MOVE_CLASS}, pg_catalog.hashtext($1))`

/** What the record of a move begins with. The previous backend follows, or `none`. */
export const MOVING_FROM = `moving from `

/**
 * Undoes a move whose process is gone. A move changes nothing else before it is over, so the previous backend is still
 * the right one. Without one, the namespace is that of the caller, `$2`, as if there were no record.
 */
export const UNDO_MOVE: string = `
UPDATE lockpool.backend AS backend
SET used_by = $3, since = pg_catalog.now(), backend = CASE
  WHEN backend.backend OPERATOR(pg_catalog.=) '${MOVING_FROM}none' THEN $2 ELSE pg_catalog.substr(backend.backend, ${MOVING_FROM.length + 1}) END
WHERE backend.namespace OPERATOR(pg_catalog.=) $1 AND backend.backend OPERATOR(pg_catalog.=) $4
  AND backend.used_by OPERATOR(pg_catalog.=) $5 AND ${TRY_MOVE_LOCK}
RETURNING backend.backend`
