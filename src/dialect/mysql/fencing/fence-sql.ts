/** The distance of tokens below each ceiling: room for a thousand million draws, 1024 apart. */
export const HEADROOM: bigint = 2n ** 43n

/** Tokens that follow the clock count seconds from here: 2024-01-01. They fit into 63 bits until 2058. */
const FIRST_SECOND = 1_704_067_200

export const CREATE_FENCE = `
CREATE TABLE IF NOT EXISTS lockpool_fence (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  ceiling BIGINT UNSIGNED NOT NULL COMMENT 'no fencing token is greater'
) ENGINE = InnoDB`

/**
 * A table in memory, which the server empties when it stops: a row means that this run of the server draws tokens
 * already.
 */
export const CREATE_RUN = `
CREATE TABLE IF NOT EXISTS lockpool_run (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  server VARCHAR(300) NOT NULL,
  origin BIGINT UNSIGNED NOT NULL COMMENT 'all fencing tokens of this run are greater',
  base BIGINT UNSIGNED NOT NULL COMMENT 'what UUID_SHORT() answered then'
) ENGINE = MEMORY`

/**
 * The tables for guards and leaders are created together with it, because a transaction of the program must not create
 * tables.
 */
export const CREATE_GUARD = `
CREATE TABLE IF NOT EXISTS lockpool_guard (
  id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  resource VARCHAR(1024) CHARACTER SET utf8mb4 NOT NULL,
  token BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB`

export const CREATE_LEADER = `
CREATE TABLE IF NOT EXISTS lockpool_leader (
  id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'the name of the lock',
  name VARCHAR(1024) CHARACTER SET utf8mb4 NOT NULL,
  token BIGINT UNSIGNED NOT NULL,
  session BIGINT UNSIGNED NOT NULL,
  since_ms BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB`

export const READ_RUN = `SELECT server, CAST(origin AS CHAR), CAST(base AS CHAR) FROM lockpool_run WHERE id = 1`

/** The names of locks are valid for the whole server, so this one contains the database. */
export const ENTER_RUN = `SELECT GET_LOCK(CONCAT('lpfence/', LEFT(SHA2(DATABASE(), 256), 32)), 10)`
export const LEAVE_RUN = `SELECT RELEASE_LOCK(CONCAT('lpfence/', LEFT(SHA2(DATABASE(), 256), 32)))`

export const INSERT_FENCE = `INSERT IGNORE INTO lockpool_fence (id, ceiling) VALUES (1, 0)`

/**
 * Raises the ceiling above `?`, a token that was seen, and above the clock, in case the last row was not replicated to
 * this server.
 */
export const RAISE_FENCE: string = `
UPDATE lockpool_fence
SET ceiling = GREATEST(ceiling, CAST(? AS UNSIGNED), (UNIX_TIMESTAMP() - ${FIRST_SECOND}) << 33) + ${HEADROOM}
WHERE id = 1`

/** Raises the ceiling while tokens are drawn, for a token that comes near it. */
export const LIFT_CEILING: string = `
UPDATE lockpool_fence SET ceiling = GREATEST(ceiling, CAST(? AS UNSIGNED) + ${HEADROOM}) WHERE id = 1`

export const READ_CEILING = `SELECT CAST(ceiling AS CHAR), CAST(UUID_SHORT() AS CHAR) FROM lockpool_fence WHERE id = 1`

export const WRITE_RUN = `REPLACE INTO lockpool_run (id, server, origin, base) VALUES (1, ?, CAST(? AS UNSIGNED), CAST(? AS UNSIGNED))`
