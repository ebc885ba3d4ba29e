/**
 * How the locks of a namespace are kept in this database: `named` or `table`, or `moving from ...` during a change. The
 * first pool writes it. Locks of different backends would not exclude each other.
 */
export const CREATE_BACKEND = `
CREATE TABLE IF NOT EXISTS lockpool_backend (
  namespace VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  backend VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  used_by VARCHAR(1000) CHARACTER SET utf8mb4 NOT NULL,
  since TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  token_offset BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'is added to the tokens of named locks'
) ENGINE = InnoDB`

/** If two pools do this at the same moment, one waits here for the other and then changes nothing. */
export const CLAIM_BACKEND = `INSERT IGNORE INTO lockpool_backend (namespace, backend, used_by) VALUES (?, ?, ?)`

const NAMESPACE = `namespace = CAST(? AS CHAR CHARACTER SET utf8mb4)`

export const READ_BACKEND: string = `
SELECT backend, used_by, CAST(since AS CHAR), CAST(token_offset AS CHAR) FROM lockpool_backend WHERE ${NAMESPACE}`

/** What the record of a move begins with. The previous backend follows, or `none`. */
export const MOVING_FROM = `moving from `

const HASH_OF_NAMESPACE = `LEFT(SHA2(CONCAT(DATABASE(), CHAR(0), CAST(? AS CHAR CHARACTER SET utf8mb4)), 256), 32)`

/**
 * The name of the lock that a move holds until it has ended, however it ends: the server releases it with the session.
 * So a record of a move without it was left by a process that is gone.
 */
export const MOVE_LOCK: string = `CONCAT('lpmove/', ${HASH_OF_NAMESPACE})`

/** The name that a lock session of the namespace holds, without its number. */
const USE_PREFIX = `CONCAT('lpuse/', ${HASH_OF_NAMESPACE}, '/')`

/** The names of the lock sessions of one namespace have numbers below this. */
export const USE_SLOTS = 1024

export const HOLD_USE: string = `SELECT GET_LOCK(CONCAT(${USE_PREFIX}, ?), 0)`

/** The sessions that hold one of these names. */
export const USERS: string = `
SELECT DISTINCT IS_USED_LOCK(CONCAT(p.prefix, n.number))
FROM (SELECT ${USE_PREFIX} AS prefix) AS p
JOIN JSON_TABLE(?, '$[*]' COLUMNS (number INT PATH '$')) AS n
WHERE IS_USED_LOCK(CONCAT(p.prefix, n.number)) IS NOT NULL`

/**
 * Undoes a move whose process is gone: parameters are who does it, the namespace, the record as it was read, and the
 * namespace again. A move changes nothing else before it is over, so the previous backend is still the right one.
 */
export const UNDO_MOVE: string = `
UPDATE lockpool_backend SET backend = SUBSTR(backend, ${MOVING_FROM.length + 1}), used_by = ?, since = CURRENT_TIMESTAMP
WHERE ${NAMESPACE} AND backend = ? AND used_by = ? AND IS_FREE_LOCK(${MOVE_LOCK}) = 1`

/** The same without a previous backend. */
export const FORGET_MOVE: string = `
DELETE FROM lockpool_backend WHERE ${NAMESPACE} AND backend = ? AND used_by = ? AND IS_FREE_LOCK(${MOVE_LOCK}) = 1`
