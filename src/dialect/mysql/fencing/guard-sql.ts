/**
 * Stores a token. The row stays locked until the caller's transaction ends. The stored token never decreases: a holder
 * that afterwards finds a larger one than its own is late. Parameters: the resource twice, the token.
 */
export const GUARD_WRITE = `
INSERT INTO lockpool_guard (id, resource, token) VALUES (SHA2(?, 256), LEFT(?, 1024), CAST(? AS UNSIGNED))
ON DUPLICATE KEY UPDATE token = GREATEST(token, VALUES(token))`

export const GUARD_READ = `SELECT CAST(token AS CHAR) AS token FROM lockpool_guard WHERE id = SHA2(?, 256) FOR UPDATE`

/**
 * A late record of an earlier leader does not replace a later one. The token is set last, because the assignments
 * before it compare with the old one.
 */
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
