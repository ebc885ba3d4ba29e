import { batch, brief, PURGE, single, take } from './batch-sql.js'
import { beat, CLOCK, JOIN, SETTLE, SWEEP, TIDY } from './member-sql.js'

/** The tables for rows with leases, in the database of the connection. */

const MEMBERS = `VARCHAR(20000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ' '`

/**
 * One row per lock session. Each heartbeat increments `beat`. `dead` never becomes 0 again, and an id is never used
 * twice. A member's locks are valid only on one server, or in one cluster.
 */
export const CREATE_MEMBER: string = `
CREATE TABLE IF NOT EXISTS lockpool_member (
  id BIGINT NOT NULL PRIMARY KEY,
  beat BIGINT NOT NULL DEFAULT 0,
  dead TINYINT NOT NULL DEFAULT 0,
  lease_ms INT NOT NULL,
  namespace VARCHAR(200) CHARACTER SET utf8mb4 NOT NULL,
  name VARCHAR(1000) CHARACTER SET utf8mb4 NOT NULL,
  place VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'the server on which it has joined'
) ENGINE = InnoDB`

/**
 * One row per lock session, which each of its statements writes. `epoch` grows when the outcome of a statement is
 * unknown: statements of an older epoch change nothing any more. It is separate from the member's row, so no heartbeat
 * waits for a batch.
 */
export const CREATE_GATE: string = `
CREATE TABLE IF NOT EXISTS lockpool_gate (
  id BIGINT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL DEFAULT 0,
  floor BIGINT NOT NULL COMMENT 'tokens of new rows begin above it',
  uses BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB`

/**
 * One row per key, with its whole state. `owner` holds it exclusively, `readers` hold it shared. `waiters` is in the
 * order of arrival: a writer is its id, a reader the negative of its id. A released lock is reserved for the first of
 * them. `freed` is the member that has released the grant of `token`.
 */
export const CREATE_LEASE: string = `
CREATE TABLE IF NOT EXISTS lockpool_lease (
  k BIGINT NOT NULL PRIMARY KEY,
  owner BIGINT NULL,
  freed BIGINT NULL,
  token BIGINT NOT NULL,
  readers ${MEMBERS},
  waiters ${MEMBERS}
) ENGINE = InnoDB`

/**
 * One row. No new row of a lock starts with a smaller token than `floor`. `place` is the server on which rows are
 * valid.
 */
export const CREATE_FLOOR: string = `
CREATE TABLE IF NOT EXISTS lockpool_floor (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  floor BIGINT NOT NULL,
  place VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  uses BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB`

export const FILL_FLOOR: string = `INSERT IGNORE INTO lockpool_floor (id, floor) VALUES (1, ${CLOCK})`

export const TABLES: readonly string[] = ['member', 'gate', 'lease', 'floor'].map(
  (name) => `lockpool_${name}`,
)

export const CREATE_TABLES: readonly string[] = [
  CREATE_MEMBER,
  CREATE_GATE,
  CREATE_LEASE,
  CREATE_FLOOR,
  FILL_FLOOR,
]

/**
 * The procedures by name. A change of the parameters or of the result needs a new name, because processes with both
 * versions may run at the same time.
 */
export function procedures(place: string): ReadonlyMap<string, string> {
  return new Map([
    ['lockpool_purge_1', PURGE],
    ['lockpool_brief_1', brief(place)],
    ['lockpool_single_1', single(place)],
    ['lockpool_batch_1', batch(place)],
    ['lockpool_take_1', take(place)],
    ['lockpool_join_1', JOIN],
    ['lockpool_beat_1', beat(place)],
    ['lockpool_sweep_1', SWEEP],
    ['lockpool_tidy_1', TIDY],
    ['lockpool_settle_2', SETTLE],
  ])
}

/** Which of the objects exist, as far as this user may see. */
export const FIND_TABLES: string = `
SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND LEFT(TABLE_NAME, 9) = 'lockpool_'`

export const FIND_PROCEDURES: string = `
SELECT ROUTINE_NAME FROM information_schema.ROUTINES
WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'PROCEDURE' AND LEFT(ROUTINE_NAME, 9) = 'lockpool_'`

/** A procedure keeps the SQL mode under which it was created. */
export const PLAIN_MODE: string = `SET SESSION sql_mode = 'STRICT_TRANS_TABLES'`
