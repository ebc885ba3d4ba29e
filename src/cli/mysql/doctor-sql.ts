export const ROUND_TRIP = `SELECT 1`

/** The same as a batch of locks: acquires one name twice, and releases it twice. */
export const TRY_BATCH = `
SELECT GROUP_CONCAT(IF(GET_LOCK(k, 0) = 1, RELEASE_LOCK(k), 'n') SEPARATOR '')
FROM JSON_TABLE('["lpdoctor", "lpdoctor"]', '$[*]' COLUMNS (k CHAR(64) PATH '$')) AS t`

export const TRY_LOCK = `SELECT IF(GET_LOCK('lpdoctor', 0) = 1, RELEASE_LOCK('lpdoctor'), 0)`

/** The records of moves, and how the locks without a namespace are kept. */
export const BACKENDS = `
SELECT namespace, backend, used_by, CAST(since AS CHAR) FROM lockpool_backend
WHERE namespace = '' OR LEFT(backend, 6) = 'moving' ORDER BY namespace LIMIT 20`

export const TABLES = `
SELECT TABLE_NAME FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (
  'lockpool_fence', 'lockpool_run', 'lockpool_guard', 'lockpool_leader', 'lockpool_key_name')`

export const ROW_TABLES = `
SELECT TABLE_NAME FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (
  'lockpool_member', 'lockpool_gate', 'lockpool_lease', 'lockpool_floor', 'lockpool_backend')`
