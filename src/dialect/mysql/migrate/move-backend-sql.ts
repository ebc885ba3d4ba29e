import { TOKEN_STEP } from '../../lock-operation.js'
import { MOVE_LOCK, MOVING_FROM } from '../records/backend-sql.js'

/** How the locks of a namespace are moved from one backend to the other. */

/** Keeps other moves away, and proves that this one is alive. */
export const TAKE_MOVE_LOCK: string = `SELECT GET_LOCK(${MOVE_LOCK}, 1)`

const NAMESPACE = `namespace = CAST(? AS CHAR CHARACTER SET utf8mb4)`

/**
 * From now on no pool with either backend can start in this namespace. `backend` keeps the previous backend, also that
 * of a move whose process is gone.
 */
export const BEGIN_MOVE: string = `
UPDATE lockpool_backend
SET backend = IF(LEFT(backend, ${MOVING_FROM.length}) = '${MOVING_FROM}', backend, CONCAT('${MOVING_FROM}', backend)),
  used_by = ?, since = CURRENT_TIMESTAMP
WHERE ${NAMESPACE}`

/** The same if there is no record. */
export const BEGIN_FIRST_MOVE: string = `
INSERT IGNORE INTO lockpool_backend (namespace, backend, used_by) VALUES (?, '${MOVING_FROM}none', ?)`

/** A move changes only a record that is still its own. */
const IS_MINE = `${NAMESPACE} AND used_by = ? AND LEFT(backend, ${MOVING_FROM.length}) = '${MOVING_FROM}'`

/** Locks the record until the end of the transaction. */
export const CHECK_MOVE: string = `SELECT backend FROM lockpool_backend WHERE ${IS_MINE} FOR UPDATE`

export const END_MOVE: string = `
UPDATE lockpool_backend SET backend = ?, token_offset = CAST(? AS UNSIGNED), since = CURRENT_TIMESTAMP WHERE ${IS_MINE}`

/** Undoes BEGIN_MOVE. */
export const RESTORE_RECORD: string = `
UPDATE lockpool_backend SET backend = ?, used_by = ?, since = COALESCE(?, CURRENT_TIMESTAMP) WHERE ${IS_MINE}`

/** Undoes BEGIN_FIRST_MOVE. */
export const REMOVE_RECORD: string = `DELETE FROM lockpool_backend WHERE ${IS_MINE}`

/** The members of the namespace. */
export const MEMBERS: string = `
SELECT CAST(id AS CHAR), CAST(beat AS CHAR), lease_ms, dead, name FROM lockpool_member
WHERE BINARY namespace = CAST(? AS BINARY) ORDER BY id`

/** The greatest token that a row has given, or will give. */
export const GREATEST_OF_ROWS: string = `
SELECT CAST(GREATEST(
  (SELECT floor FROM lockpool_floor WHERE id = 1),
  (SELECT COALESCE(MAX(token), 0) FROM lockpool_lease)) + ${TOKEN_STEP} AS CHAR)`

export const CEILING = `SELECT CAST(ceiling AS CHAR) FROM lockpool_fence WHERE id = 1`

/** Rows of this namespace have no holder, and rows with a holder belong to other namespaces. */
export const RAISE_ROWS: string = `
UPDATE lockpool_lease SET token = CAST(? AS SIGNED)
WHERE token < CAST(? AS SIGNED) AND owner IS NULL AND CHAR_LENGTH(readers) <= 1`

export const RAISE_FLOOR: string = `
UPDATE lockpool_floor SET floor = GREATEST(floor, CAST(? AS SIGNED)), uses = uses + 1 WHERE id = 1`
