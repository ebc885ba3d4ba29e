/** The hold records of strict mode. */

/**
 * Writes hold records for what this session was just granted, `$1` the keys and `$2` their holders. Returns which of
 * the grants must wait, and for how long. It is a separate statement after the grant, so it sees everything that was
 * committed before the lock became free.
 *
 * - An existing record is a leftover: its session lost the key without releasing it. That includes our own records,
 *   because a failed batch may have replaced the record of another session by ours.
 * - A writer replaces all records of the key and takes the longest of their leases. If the writer ends uncleanly while
 *   it still waits, the next holder must wait for that time.
 * - A reader leaves a writer's record for other readers to see, until it has waited; see DELETE_LEFTOVER.
 */
export const RECORD_HOLDS = `
WITH granted AS (
  SELECT key, holder, i
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS granted (key, holder, i)
), leftover AS (
  SELECT granted.i, max(hold.lease_ms) AS lease_ms
  FROM granted
  JOIN lockpool.hold AS hold ON hold.key = granted.key AND (granted.holder = '' OR hold.holder = '')
  GROUP BY granted.i
), swept AS (
  DELETE FROM lockpool.hold AS hold
  USING granted
  WHERE hold.key = granted.key AND granted.holder = '' AND hold.holder <> ''
), recorded AS (
  INSERT INTO lockpool.hold (key, holder, session, lease_ms)
  SELECT granted.key, granted.holder, $3, greatest($4::int, leftover.lease_ms)
  FROM granted
  LEFT JOIN leftover USING (i)
  ON CONFLICT (key, holder) DO UPDATE SET session = excluded.session, lease_ms = excluded.lease_ms
)
SELECT (i - 1)::int AS place, lease_ms AS delay_ms
FROM leftover`

/** Runs before the unlock and is committed by then, so a clean end leaves no record. */
export const DELETE_HOLDS = `
DELETE FROM lockpool.hold AS hold
USING unnest($1::text[], $2::text[]) AS given_up (key, holder)
WHERE hold.key = given_up.key AND hold.holder = given_up.holder AND hold.session = $3`

/**
 * A reader has waited for the writer whose record was left over. The reader still holds the key, so the record can't
 * belong to a new writer.
 */
export const DELETE_LEFTOVER = `DELETE FROM lockpool.hold WHERE key = $1 AND holder = ''`

/** A name for this session in its hold records. Unlike a pid, it is never used again. */
export const NAME_SESSION = `SELECT gen_random_uuid()::text AS session`
