/** The statements of the chaos program on MariaDB. It acquires locks through LockPool. */

/** The resource that the locks protect, with a row per key, and all accepted writes in order. */
export const CREATE_TABLES: readonly string[] = [
  `
CREATE TABLE guarded (
  k VARCHAR(20) PRIMARY KEY,
  token BIGINT UNSIGNED NOT NULL DEFAULT 0,
  value INT NOT NULL DEFAULT 0
)`,
  `
CREATE TABLE accepted (
  place BIGINT AUTO_INCREMENT PRIMARY KEY,
  k VARCHAR(20) NOT NULL,
  ask VARCHAR(40) NOT NULL,
  token BIGINT UNSIGNED NOT NULL,
  value INT NOT NULL
)`,
  `
CREATE PROCEDURE chaos_claim (IN key_of_row VARCHAR(20), IN own_token BIGINT UNSIGNED)
BEGIN
  DECLARE last_token BIGINT UNSIGNED;
  DECLARE last_value INT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  -- KILL QUERY ends a procedure without its handler. START TRANSACTION would commit what that has done.
  ROLLBACK;
  START TRANSACTION;
  SELECT token, value INTO last_token, last_value FROM guarded WHERE k = key_of_row FOR UPDATE;
  IF last_token <= own_token THEN
    UPDATE guarded SET token = own_token WHERE k = key_of_row;
  ELSE
    SET last_value = NULL;
  END IF;
  COMMIT;
  SELECT last_value;
END`,
  `
CREATE PROCEDURE chaos_write (
  IN key_of_row VARCHAR(20), IN own_token BIGINT UNSIGNED, IN next_value INT, IN own_ask VARCHAR(40))
BEGIN
  DECLARE last_token BIGINT UNSIGNED;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  -- KILL QUERY ends a procedure without its handler. START TRANSACTION would commit what that has done.
  ROLLBACK;
  START TRANSACTION;
  SELECT token INTO last_token FROM guarded WHERE k = key_of_row FOR UPDATE;
  IF last_token <= own_token THEN
    UPDATE guarded SET token = own_token, value = next_value WHERE k = key_of_row;
    INSERT INTO accepted (k, ask, token, value) VALUES (key_of_row, own_ask, own_token, next_value);
  END IF;
  COMMIT;
  SELECT 1;
END`,
]

export const ADD_KEY = `INSERT INTO guarded (k) VALUES (?)`

/** Stores the token at the resource before reading it: from then on, earlier holders are refused. */
export const CLAIM = `CALL chaos_claim(?, ?)`

/** The place is drawn while the row is locked, so that the places of one key are in the order of its writes. */
export const WRITE = `CALL chaos_write(?, ?, ?, ?)`

export const ACCEPTED = `SELECT k, ask, CAST(token AS CHAR), value FROM accepted ORDER BY place`

/** The names that any session holds. */
export const HELD_NAMES = `SELECT TABLE_SCHEMA FROM information_schema.METADATA_LOCK_INFO WHERE LOCK_TYPE = 'User lock'`

/** Locks that are rows: the process that holds each, and the token. For readers alone, the name is null. */
export const heldRows = (database: string): string => `
SELECT CAST(l.k AS CHAR), CAST(l.token AS CHAR), m.name, l.owner IS NOT NULL AND m.id IS NULL
FROM ${database}.lockpool_lease AS l
LEFT JOIN ${database}.lockpool_member AS m ON m.id = l.owner
WHERE (l.owner IS NOT NULL OR CHAR_LENGTH(l.readers) > 1) AND COALESCE(m.dead, 0) = 0`

/** The sessions in the database of a round, which is the parameter. */
export const SESSIONS = `
SELECT ID, USER, SUBSTRING_INDEX(HOST, ':', -1), COMMAND = 'Sleep' AND TIME_MS > 300, INFO LIKE '%SLEEP(%' OR INFO LIKE '%GET_LOCK(?, 2)%'
FROM information_schema.PROCESSLIST
WHERE DB = ?
ORDER BY ID`

export const kill = (id: number): string => `KILL ${id}`
export const killQuery = (id: number): string => `KILL QUERY ${id}`

export const LEFT_NAMES = `
SELECT CONCAT('named lock ', TABLE_SCHEMA, ' of session ', THREAD_ID)
FROM information_schema.METADATA_LOCK_INFO
WHERE LOCK_TYPE = 'User lock' AND TABLE_SCHEMA NOT LIKE 'lpuse/%'`

/** Rows that name a process other than the parameter. */
export const leftRows = (database: string): string => `
SELECT CONCAT('row of key ', k, ': owner ', COALESCE(owner, '-'), ', readers ', readers, ', waiters ', waiters)
FROM ${database}.lockpool_lease
WHERE (owner IS NOT NULL OR CHAR_LENGTH(readers) > 1 OR CHAR_LENGTH(waiters) > 1)
  AND NOT EXISTS (SELECT 1 FROM ${database}.lockpool_member WHERE id = owner AND name LIKE CONCAT('%(', ?, ')'))
UNION ALL
SELECT CONCAT('member ', id, ' of ', name, ', ', IF(dead, 'dead', 'alive'))
FROM ${database}.lockpool_member
WHERE name NOT LIKE CONCAT('%(', ?, ')')`

/** Parameters: the database, and the user of the process that cleans up. */
export const LEFT_SESSIONS = `
SELECT CONCAT('session ', ID, ' of ', USER, ': ', COMMAND, ', ', COALESCE(INFO, ''))
FROM information_schema.PROCESSLIST
WHERE DB = ? AND USER <> ?`

export const createDatabase = (name: string): string => `CREATE DATABASE ${name}`
export const dropDatabase = (name: string): string => `DROP DATABASE ${name}`

/** Separate users tell connections to the guarded row, and the process that cleans up, from pools. */
export const createUser = (name: string): readonly string[] => [
  `CREATE USER ${name}@'%' IDENTIFIED BY 'secret'`,
  `GRANT ALL ON *.* TO ${name}@'%'`,
]
