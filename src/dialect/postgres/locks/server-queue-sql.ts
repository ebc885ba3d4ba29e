import { SERVER_QUEUE_CLASS, WRITER_CHECK_CLASS, WRITER_CLASS } from '../keys/key.js'

/**
 * A wait for a key in the server's own queue. Two statements go before the one that takes the key, with a single Sync behind
 * all three. So they are one transaction and one round trip, and the server ends the transaction by itself even if the client
 * has gone. The session waits for the key as a lock of the transaction. With that lock, no other session can be faster when
 * the session takes the same key as a session lock.
 */

/**
 * Announces the wait in a lock that all waiting sessions share, so that holders with local waiters can see it. Then tries the
 * key, which tells whether there is anything to wait for. A writer also takes the intent locks of waiting writers, unless
 * another writer has them, so that readers yield. `$1` is the longest wait in milliseconds, `$2` the key in digits, `$3` its
 * hash and, for a writer, `$4` its second hash.
 */
const enterQueue = (intentCheck: string, tryKey: string): string => `
SELECT
  set_config('lock_timeout', $1, true),
  set_config('lockpool.key', $2, true),
  CASE
    WHEN pg_try_advisory_xact_lock_shared(${SERVER_QUEUE_CLASS}, $3::int4) IS NULL THEN ''
    ${intentCheck}
    WHEN ${tryKey} THEN 'free'
    ELSE 'come'
  END`

/** Takes the second lock only with the first. */
const INTENT_CHECK = `WHEN CASE
      WHEN pg_try_advisory_xact_lock(${WRITER_CLASS}, $3::int4)
        THEN pg_try_advisory_xact_lock(${WRITER_CHECK_CLASS}, $4::int4) IS NULL
      ELSE false END THEN ''`

/** Whether any session waits for the key. `$1`, `$2` and `$3` are the key as pg_locks shows it. */
export const IS_QUEUED_FOR = `
SELECT
  EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted
      AND classid::bigint = $1 AND objid::bigint = $2 AND objsubid = $3::smallint
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ) AS is_queued_for,
  pg_backend_pid() AS pid`

/**
 * Waits. A DO block can catch the timeout; otherwise the server would log an error. The key comes from a setting, so that the
 * text is the same for all keys: pg_stat_statements keeps each text.
 */
const waitFor = (lock: string): string => `
DO $$
BEGIN
  PERFORM ${lock};
EXCEPTION WHEN lock_not_available THEN
  NULL;
END
$$`

/** Takes the key. That succeeds after a successful wait, or if another session has released the key just now. */
const takeIt = (tryKey: string, fence: string): string => `
SELECT
  CASE
    WHEN NOT ${tryKey} THEN 'n'
    WHEN ${fence}::regclass IS NULL THEN 'g'
    ELSE nextval(${fence}::regclass)::text
  END AS said,
  pg_backend_pid() AS pid`

/** The steps of one kind of key in one mode. */
export interface QueueSql {
  readonly come: string
  readonly wait: string
  readonly take: string
}

const BIGINT = `($2::text)::int8`
const KEY = `current_setting('lockpool.key')`
const PAIR = `split_part($2::text, ' ', 1)::int4, split_part($2::text, ' ', 2)::int4`
const PAIR_KEY = `split_part(${KEY}, ' ', 1)::int4, split_part(${KEY}, ' ', 2)::int4`

function queueSql(suffix: '' | '_shared', isPair: boolean): QueueSql {
  const intentCheck = suffix === '' ? INTENT_CHECK : ''
  return {
    come: enterQueue(intentCheck, `pg_try_advisory_xact_lock${suffix}(${isPair ? PAIR : BIGINT})`),
    wait: waitFor(`pg_advisory_xact_lock${suffix}(${isPair ? PAIR_KEY : `${KEY}::int8`})`),
    take: takeIt(
      `pg_try_advisory_lock${suffix}(${isPair ? '$1::int4, $2::int4' : '$1::int8'})`,
      isPair ? '$3' : '$2',
    ),
  }
}

export const EXCLUSIVE_QUEUE: QueueSql = queueSql('', false)
export const SHARED_QUEUE: QueueSql = queueSql('_shared', false)
export const EXCLUSIVE_PAIR_QUEUE: QueueSql = queueSql('', true)
export const SHARED_PAIR_QUEUE: QueueSql = queueSql('_shared', true)
