/** The statements of the chaos program itself. It acquires locks through LockPool. */

/** The resource that the locks protect, with a row per key, and all accepted writes in order. */
export const CREATE_TABLES = `
CREATE TABLE guarded (
  key text PRIMARY KEY,
  token bigint NOT NULL DEFAULT 0,
  value int NOT NULL DEFAULT 0
);
CREATE TABLE accepted (
  place bigserial PRIMARY KEY,
  key text NOT NULL,
  ask text NOT NULL,
  token bigint NOT NULL,
  value int NOT NULL
);
CREATE TABLE looked (looks bigint NOT NULL);
INSERT INTO looked VALUES (0)`

/** An observation that commits: it takes as long as the commits of locks that are rows. */
export const LOOKED = `UPDATE looked SET looks = looks + 1`

export const ADD_KEY = `
INSERT INTO guarded (key)
VALUES ($1)`

/** Stores the token at the resource before reading it: from then on, earlier holders are refused. */
export const CLAIM = `
UPDATE guarded
SET token = $2
WHERE key = $1 AND token <= $2
RETURNING value`

/** The place is drawn while the row is locked, so that places are in the order of the writes. */
export const WRITE = `
WITH written AS (
  UPDATE guarded
  SET token = $2, value = $3
  WHERE key = $1 AND token <= $2
  RETURNING key, token, value
)
INSERT INTO accepted (key, ask, token, value)
SELECT key, $4, token, value
FROM written`

export const ACCEPTED = `
SELECT key, ask, token::text AS token, value
FROM accepted
ORDER BY place`

/** Keys that are bigints, in decimal digits. */
export const HELD_KEYS = `
SELECT DISTINCT ((classid::bigint << 32) | objid::bigint)::text AS key
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted`

/** For locks that are rows: the process that holds each key, and its token. Null for readers. */
export const HELD_ROWS = `
SELECT l.key::text AS key, l.token::text AS token, member.name AS holder, l.owner IS NOT NULL AND member.id IS NULL AS is_orphan
FROM lockpool.lease AS l
LEFT JOIN lockpool.member AS member ON member.id = l.owner
WHERE (l.owner IS NOT NULL OR cardinality(l.readers) > 0) AND member.dead IS NOT TRUE
  AND l.key < 2147483648 AND l.key > 0`

/** All rows that name a process, and the processes, for people to read. */
export const ALL_ROWS = `
SELECT key::text AS key, token::text AS token, owner, readers, waiters, NULL AS name, NULL::bigint AS beat, NULL::boolean AS dead
FROM lockpool.lease
WHERE owner IS NOT NULL OR cardinality(readers) > 0 OR cardinality(waiters) > 0
UNION ALL
SELECT NULL, NULL, id, NULL, NULL, name, beat, dead
FROM lockpool.member`

/** The sessions of the workers, such as `chaos w3.1`, and of the fronts, such as `chaos f1.1`. */
export const SESSIONS = `
SELECT
  pid,
  application_name AS name,
  query LIKE '%LISTEN%' AS listens,
  state = 'idle' AND state_change < clock_timestamp() - interval '300 ms' AS idles
FROM pg_stat_activity
WHERE application_name ~ '^chaos [wf]'
ORDER BY pid`

/** What the sessions do and what they wait for, for people to read. */
export const ACTIVITY = `
SELECT pid, application_name AS application, state, wait_event_type AS waits, wait_event AS for, pg_blocking_pids(pid) AS blockers,
  round(extract(epoch FROM clock_timestamp() - state_change) * 1000) AS state_ms, left(query, 60) AS query
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()`

export const TERMINATE = `
SELECT pg_terminate_backend(pid)
FROM unnest($1::int[]) AS pid`

export const LEFT_LOCKS = `
SELECT format('%s lock (%s, %s, %s) of process %s', mode, classid, objid, objsubid, pid) AS what
FROM pg_locks
WHERE locktype = 'advisory'`

/** Rows that name a process other than `$1`. */
export const LEFT_ROWS = `
SELECT format('row of key %s: owner %s, readers %s, waiters %s', key, owner, readers, waiters) AS what
FROM lockpool.lease
WHERE (owner IS NOT NULL OR cardinality(readers) > 0 OR cardinality(waiters) > 0)
  AND NOT EXISTS (SELECT FROM lockpool.member WHERE id = owner AND name LIKE '%(' || $1 || ')')
UNION ALL
SELECT format('member %s of %s, %s', id, name, CASE WHEN dead THEN 'dead' ELSE 'alive' END)
FROM lockpool.member
WHERE name NOT LIKE '%(' || $1 || ')'`

export const LIVING_MEMBERS = `SELECT id, generation FROM lockpool.member WHERE NOT dead`

export const LEFT_SESSIONS = `
SELECT format('session %s of %s: %s, %s', pid, application_name, state, query) AS what
FROM pg_stat_activity
WHERE application_name ~ '^chaos [wfc]'`

/**
 * Starts a backup with an immediate checkpoint. The server may be copied until END_BACKUP, which must run on the same
 * connection.
 */
export const BEGIN_BACKUP = `SELECT pg_backup_start('chaos', true)`

/** The label tells the copy where its recovery begins. */
export const END_BACKUP = `SELECT labelfile AS label FROM pg_backup_stop(false)`

/** Asks a primary whether its replica has received and replayed everything. Returns no row if there is no replica. */
export const IN_STEP = `
SELECT state = 'streaming' AND replay_lsn >= pg_current_wal_lsn() AS in_step
FROM pg_stat_replication`

export const PROMOTE = `SELECT pg_promote() AS is_promoted`

/** Makes a session sleep for a tenth of a second before each flush, while it holds the lock that a flush takes. */
export const DELAY_FLUSHES = `SET commit_delay = 100000; SET commit_siblings = 0`

export const OWN_PID = `SELECT pg_backend_pid() AS pid`

export const DRAW = `SELECT nextval('lockpool.fence')`

/** Moves the sequence a minute ahead of the clock, as if the clock had been wrong. */
export const RUN_AHEAD = `
SELECT setval(
  'lockpool.fence', greatest(last_value, (extract(epoch FROM clock_timestamp()) * 1000 + 60000)::bigint * 1048576))
FROM lockpool.fence`

export const IS_UP = `SELECT 1`
