import { LINE_CLASS, WRITER_CHECK_CLASS, WRITER_CLASS } from '../keys/key.js'

/**
 * Waiting in line for a key, in the server's own queue for it. Two statements that go before the one that takes the key, with
 * a single Sync behind all three. So they are one transaction, which the server ends by itself whatever becomes of the client,
 * and one round trip. What is waited for is the key as a lock of this transaction; with that, nobody else can have been
 * quicker when the session takes the same key for itself.
 */

/**
 * Comes to the line: says so, in a lock that is shared by all who stand there, for those who give way to them to see; then
 * tries the key, to tell who has to wait from who has not. A writer also says that it is one, as far as no other has said so,
 * for readers to give way. `$1` is how long it may wait, `$2` the key in digits, `$3` its hash and, for a writer, `$4` the other one.
 */
const comeToLine = (mark: string, tryKey: string): string => `
SELECT
  set_config('lock_timeout', $1, true),
  set_config('lockpool.key', $2, true),
  CASE
    WHEN pg_try_advisory_xact_lock_shared(${LINE_CLASS}, $3::int4) IS NULL THEN ''
    ${mark}
    WHEN ${tryKey} THEN 'free'
    ELSE 'come'
  END`

const MARK = `WHEN pg_try_advisory_xact_lock(${WRITER_CLASS}, $3::int4)
      AND pg_try_advisory_xact_lock(${WRITER_CHECK_CLASS}, $4::int4) IS NULL THEN ''`

/** Whether anybody waits for the key `$1`, `$2`, `$3`, as pg_locks shows it. */
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
 * Waits. DO, because it can catch that a wait has taken too long: otherwise the server would log an error. What it is about
 * comes in a setting, so that the text is the same for all keys: pg_stat_statements keeps each text.
 */
const waitFor = (lock: string): string => `
DO $$
BEGIN
  PERFORM ${lock};
EXCEPTION WHEN lock_not_available THEN
  NULL;
END
$$`

/** Takes it: granted if the wait has not been in vain, or somebody has given it up just now. */
const takeIt = (tryKey: string, fence: string): string => `
SELECT
  CASE
    WHEN NOT ${tryKey} THEN 'n'
    WHEN ${fence}::regclass IS NULL THEN 'g'
    ELSE nextval(${fence}::regclass)::text
  END AS said,
  pg_backend_pid() AS pid`

/** The steps of one kind of key in one mode. */
export interface LineSql {
  readonly come: string
  readonly wait: string
  readonly take: string
}

const BIGINT = `($2::text)::int8`
const KEY = `current_setting('lockpool.key')`
const PAIR = `split_part($2::text, ' ', 1)::int4, split_part($2::text, ' ', 2)::int4`
const PAIR_KEY = `split_part(${KEY}, ' ', 1)::int4, split_part(${KEY}, ' ', 2)::int4`

function lineSql(suffix: '' | '_shared', isPair: boolean): LineSql {
  const mark = suffix === '' ? MARK : ''
  return {
    come: comeToLine(mark, `pg_try_advisory_xact_lock${suffix}(${isPair ? PAIR : BIGINT})`),
    wait: waitFor(`pg_advisory_xact_lock${suffix}(${isPair ? PAIR_KEY : `${KEY}::int8`})`),
    take: takeIt(
      `pg_try_advisory_lock${suffix}(${isPair ? '$1::int4, $2::int4' : '$1::int8'})`,
      isPair ? '$3' : '$2',
    ),
  }
}

export const EXCLUSIVE_LINE: LineSql = lineSql('', false)
export const SHARED_LINE: LineSql = lineSql('_shared', false)
export const EXCLUSIVE_PAIR_LINE: LineSql = lineSql('', true)
export const SHARED_PAIR_LINE: LineSql = lineSql('_shared', true)
