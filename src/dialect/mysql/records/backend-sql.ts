/**
 * How the locks of a namespace are kept in this database: `named` or `table`. The first pool writes it. Locks of
 * different backends would not exclude each other.
 */
export const CREATE_BACKEND = `
CREATE TABLE IF NOT EXISTS lockpool_backend (
  namespace VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  backend VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  used_by VARCHAR(1000) CHARACTER SET utf8mb4 NOT NULL,
  since TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE = InnoDB`

/** If two pools do this at the same moment, one waits here for the other and then changes nothing. */
export const CLAIM_BACKEND = `INSERT IGNORE INTO lockpool_backend (namespace, backend, used_by) VALUES (?, ?, ?)`

export const READ_BACKEND = `
SELECT backend, used_by, CAST(since AS CHAR) FROM lockpool_backend WHERE namespace = CAST(? AS CHAR CHARACTER SET utf8mb4)`
