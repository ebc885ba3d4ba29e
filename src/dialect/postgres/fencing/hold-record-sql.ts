/** The hold records of strict mode. */

/**
 * Marks what this session was just granted, `$1` the keys and `$2` their holders, and answers which of them must wait, and
 * how long. A statement of its own, behind the grant, so that it sees all that was committed before the lock came free.
 *
 * - A mark that is there already is left over: whoever made it has lost the key without giving it up. That includes our
 *   own marks, because a batch that failed may have left one in place of somebody else's.
 * - A writer takes the marks' place, with the longest of their leases: if it ends uncleanly while it still waits, that is
 *   what the next one has to wait.
 * - A reader leaves a writer's mark for the other readers to see, until it has waited; see SETTLE.
 */
export const MARK = `
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
), marked AS (
  INSERT INTO lockpool.hold (key, holder, session, lease_ms)
  SELECT granted.key, granted.holder, $3, greatest($4::int, leftover.lease_ms)
  FROM granted
  LEFT JOIN leftover USING (i)
  ON CONFLICT (key, holder) DO UPDATE SET session = excluded.session, lease_ms = excluded.lease_ms
)
SELECT (i - 1)::int AS place, lease_ms AS delay_ms
FROM leftover`

/** Before the unlock, and committed by then: an end that is clean leaves no mark. */
export const UNMARK = `
DELETE FROM lockpool.hold AS hold
USING unnest($1::text[], $2::text[]) AS given_up (key, holder)
WHERE hold.key = given_up.key AND hold.holder = given_up.holder AND hold.session = $3`

/** A reader has waited for the writer whose mark was left over. It still has the key, so this can't be a new writer's. */
export const SETTLE = `DELETE FROM lockpool.hold WHERE key = $1 AND holder = ''`

/** Names this session in its marks, for longer than its process id would. */
export const NAME_SESSION = `SELECT gen_random_uuid()::text AS session`
