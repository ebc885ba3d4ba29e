/**
 * The row stays locked until the caller's transaction ends. The stored token never goes back: whoever finds a greater one than
 * its own behind this is late. Parameters: the resource twice, the token.
 */
export const GUARD_WRITE = `
INSERT INTO lockpool_guard (id, resource, token) VALUES (SHA2(?, 256), LEFT(?, 1024), CAST(? AS UNSIGNED))
ON DUPLICATE KEY UPDATE token = GREATEST(token, VALUES(token))`

export const GUARD_READ = `SELECT CAST(token AS CHAR) AS token FROM lockpool_guard WHERE id = SHA2(?, 256) FOR UPDATE`

/** An older leader that is late does not write over a newer one. The token is set last: what stands before it compares with it. */
export const RECORD_LEADER = `
INSERT INTO lockpool_leader (id, name, token, session, since_ms)
VALUES (?, ?, CAST(? AS UNSIGNED), ?, UNIX_TIMESTAMP(NOW(3)) * 1000)
ON DUPLICATE KEY UPDATE
  name = IF(VALUES(token) > token, VALUES(name), name),
  session = IF(VALUES(token) > token, VALUES(session), session),
  since_ms = IF(VALUES(token) > token, VALUES(since_ms), since_ms),
  token = GREATEST(token, VALUES(token))`

export const HOLDER = `SELECT IS_USED_LOCK(?)`

export const READ_LEADER = `
SELECT name, CAST(token AS CHAR), since_ms FROM lockpool_leader WHERE id = ? AND session = ?`
