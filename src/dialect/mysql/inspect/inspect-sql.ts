/** The names of keys, for people. The table is created with those for fencing tokens. */
export const CREATE_KEY_NAME = `
CREATE TABLE IF NOT EXISTS lockpool_key_name (
  id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY COMMENT 'the name of the lock',
  name VARCHAR(1024) CHARACTER SET utf8mb4 NOT NULL,
  namespace VARCHAR(200) CHARACTER SET utf8mb4 NOT NULL,
  permits SMALLINT UNSIGNED NULL COMMENT 'of a semaphore',
  seen TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  KEY (seen)
) ENGINE = InnoDB`

/** One parameter: rows of `[id, name, namespace, permits]`. */
export const WRITE_KEY_NAMES = `
INSERT INTO lockpool_key_name (id, name, namespace, permits, seen)
SELECT id, name, namespace, permits, CURRENT_TIMESTAMP
FROM JSON_TABLE(CAST(? AS CHAR CHARACTER SET utf8mb4), '$[*]' COLUMNS (
  id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
  name VARCHAR(1024) CHARACTER SET utf8mb4 PATH '$[1]',
  namespace VARCHAR(200) CHARACTER SET utf8mb4 PATH '$[2]',
  permits SMALLINT UNSIGNED PATH '$[3]')) AS t
ORDER BY id
ON DUPLICATE KEY UPDATE seen = CURRENT_TIMESTAMP`

/** Deletes names that were not used for a week. */
export const SWEEP_KEY_NAMES = `
DELETE FROM lockpool_key_name WHERE seen < CURRENT_TIMESTAMP - INTERVAL 7 DAY LIMIT 1000`

export const READ_KEY_NAMES = `
SELECT id, name, namespace, permits FROM lockpool_key_name ORDER BY seen DESC LIMIT 50000`

/** The numbers of reader slots: see `namedBackend`. */
export const READ_SLOTS = `
SELECT namespace, SUBSTRING_INDEX(backend, '/', -1) FROM lockpool_backend WHERE backend LIKE 'named/%'`

export const SERVER_FACTS = `
SELECT UNIX_TIMESTAMP(NOW(3)) * 1000, VERSION(), DATABASE(), @@global.read_only, @@max_connections, CONNECTION_ID()`

export const OPEN_CONNECTIONS = `SHOW GLOBAL STATUS LIKE 'Threads_connected'`

/** All named locks. In MariaDB this needs the plugin `metadata_lock_info`, in MySQL the performance schema. */
export const ALL_LOCKS = {
  mariadb: `SELECT THREAD_ID, TABLE_SCHEMA FROM information_schema.METADATA_LOCK_INFO WHERE LOCK_TYPE = 'User lock'`,
  mysql: `
SELECT t.PROCESSLIST_ID, l.OBJECT_NAME
FROM performance_schema.metadata_locks AS l
JOIN performance_schema.threads AS t ON t.THREAD_ID = l.OWNER_THREAD_ID
WHERE l.OBJECT_TYPE = 'USER LEVEL LOCK' AND l.LOCK_STATUS = 'GRANTED'`,
} as const

/** Used if not all locks can be listed: the holder of each of these names, without the names that have none. */
export const LOCKS_OF_NAMES = `
SELECT IS_USED_LOCK(k), k FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(64) CHARACTER SET latin1 COLLATE latin1_bin PATH '$')) AS t
HAVING IS_USED_LOCK(k) IS NOT NULL`

/** The sessions that this user may see. */
export const SESSIONS = `
SELECT ID, USER, HOST, COMMAND, TIME_MS, INFO FROM information_schema.PROCESSLIST`

/** MySQL has no TIME_MS. */
export const SESSIONS_BY_SECOND = `
SELECT ID, USER, HOST, COMMAND, TIME * 1000, INFO FROM information_schema.PROCESSLIST`

export function killSession(id: number): string {
  return `KILL ${id}`
}

export const IS_THERE = `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ?`
