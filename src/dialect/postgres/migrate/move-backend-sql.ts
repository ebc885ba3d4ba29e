import { MOVING_FROM, TRY_MOVE_LOCK } from '../schema/backend-sql.js'
import { own } from '../table/own-words.js'
import { TOKEN_STEP } from '../../lock-operation.js'

/** How the locks of a namespace are moved from one backend to the other. */

/** The record of a namespace. */
export const READ_RECORD: string = own(`
SELECT backend.backend, backend.used_by, backend.since::pg_catalog.text AS since
FROM lockpool.backend AS backend WHERE backend.namespace {=} $1`)

/**
 * From now on no pool with either backend can start in this namespace. Returns no row while another process moves it,
 * and replaces the record of a process that is gone. `backend` keeps the previous backend.
 */
export const BEGIN_MOVE: string = own(`
INSERT INTO lockpool.backend AS backend (namespace, backend, used_by)
SELECT $1, '${MOVING_FROM}none', $2 WHERE ${TRY_MOVE_LOCK}
ON CONFLICT (namespace) DO UPDATE SET used_by = excluded.used_by, since = pg_catalog.now(), backend =
  CASE WHEN pg_catalog.starts_with(backend.backend, '${MOVING_FROM}') THEN '' ELSE '${MOVING_FROM}' END {||} backend.backend
RETURNING backend.backend`)

/** Around all that a move does. Settings of the server, of the role or of the database must not end it while it waits. */
export const BEGIN_TRANSACTION = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
export const COMMIT = `COMMIT`
export const ROLLBACK = `ROLLBACK`
export const TRANSACTION_SETTINGS: string = own(`
SELECT pg_catalog.set_config(setting.name, CASE WHEN setting.name {=} 'lock_timeout' THEN '10s' ELSE '0' END, true)
FROM pg_catalog.pg_settings AS setting
WHERE setting.name {=} ANY (ARRAY[
  'idle_in_transaction_session_timeout', 'transaction_timeout', 'statement_timeout', 'lock_timeout'])`)

/**
 * Around each look. Rolling back frees the locks on the tables: if the transaction kept them while it waits, DDL would
 * wait for it, and behind that DDL all heartbeats.
 */
export const BEGIN_LOOK_AT_USERS = `SAVEPOINT look`
export const END_LOOK_AT_USERS = `ROLLBACK TO SAVEPOINT look`

/** Keeps other moves away, and proves that this one is alive. */
export const HOLD_MOVE: string = `SELECT ${TRY_MOVE_LOCK} AS is_held`

/** Returns no row if the record is no longer that of this move. */
const IS_MINE = `
backend.namespace {=} $1 AND backend.used_by {=} $2 AND pg_catalog.starts_with(backend.backend, '${MOVING_FROM}')`

export const CHECK_MOVE: string = own(`SELECT FROM lockpool.backend AS backend WHERE ${IS_MINE}`)

export const END_MOVE: string = own(`
UPDATE lockpool.backend AS backend SET backend = $3, since = pg_catalog.now()
WHERE ${IS_MINE}
RETURNING backend.backend`)

/** Undoes BEGIN_MOVE. */
export const RESTORE_RECORD: string = own(`
UPDATE lockpool.backend AS backend
SET backend = $3, used_by = $4, since = coalesce($5::timestamp with time zone, pg_catalog.now())
WHERE ${IS_MINE}
RETURNING backend.backend`)

/** Undoes BEGIN_MOVE if there was no record. */
export const REMOVE_RECORD: string = own(`
DELETE FROM lockpool.backend AS backend WHERE ${IS_MINE} RETURNING backend.backend`)

/** A transaction sees the activity of other sessions as it was when it first looked, until it sends this. */
export const LOOK_AGAIN = `SELECT pg_catalog.pg_stat_clear_snapshot()`

/** The other sessions of this database, with the last statement of each. */
export const OTHER_SESSIONS: string = own(`
SELECT activity.pid, coalesce(activity.application_name, '') AS application, activity.query
FROM pg_catalog.pg_stat_activity AS activity
WHERE activity.datname {=} pg_catalog.current_database() AND activity.pid {<>} pg_catalog.pg_backend_pid()
  AND activity.backend_type {=} 'client backend'`)

/** The members of the namespace, in the form that an observer reads, and the names of the living ones, by id. */
export const MEMBERS: string = own(`
SELECT
  pg_catalog.string_agg(
    pg_catalog.concat(member.id, ':', member.beat, ':', member.lease_ms, ':', CASE WHEN member.dead THEN 'd' END), ' ')
    AS others,
  pg_catalog.json_object_agg(member.id, member.name) FILTER (WHERE NOT member.dead)::pg_catalog.text AS living
FROM lockpool.member AS member
WHERE member.namespace {=} $1`)

/** Raises the tokens of all rows without a holder above every token that the sequence has given. */
export const TOKENS_TO_ROWS: readonly string[] = [
  own(`
UPDATE lockpool.floor AS floor
SET floor = greatest(floor.floor, (SELECT fence.last_value FROM lockpool.fence AS fence))`),
  own(`
UPDATE lockpool.lease AS l
SET token = greatest(l.token, (SELECT fence.last_value FROM lockpool.fence AS fence))
WHERE l.owner IS NULL AND coalesce(pg_catalog.cardinality(l.readers), 0) {=} 0`),
]

/** Moves the sequence above every token that a row has given. */
export const TOKENS_TO_SEQUENCE: string = own(`
SELECT pg_catalog.setval('lockpool.fence', greatest(
  fence.last_value,
  (SELECT floor.floor FROM lockpool.floor AS floor),
  (SELECT coalesce(pg_catalog.max(l.token), 0) FROM lockpool.lease AS l)) {+} ${TOKEN_STEP})
FROM lockpool.fence AS fence`)
