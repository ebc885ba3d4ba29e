import { TOKEN_STEP } from '../lock-operation.js'
import { SCHEMA_CLASS } from './postgres-key.js'
import { CREATE_SECRET, FILL_SECRET, HIDE_SECRET, secretGrantTo } from './secret-sql.js'

/** The objects in schema `lockpool`: how they are made, granted, found and dropped, and how the timeline is followed. */

/** How many objects FIND_OBJECTS finds when all are there that pools make. */
export const OBJECT_COUNT = 5

/**
 * Processes that start at once must not collide, which IF NOT EXISTS does not see to: the one that comes first holds this
 * lock until its transaction ends, and the others wait for that, a second at most. Then they go on all the same: anybody may
 * hold the lock, and the worst of it is a collision.
 */
export const QUEUE_UP: string = `
SELECT attempt
FROM pg_catalog.generate_series(1, 20) AS attempt
WHERE CASE
  WHEN pg_catalog.pg_try_advisory_xact_lock(${SCHEMA_CLASS}, 0) THEN true
  ELSE pg_catalog.pg_sleep(0.05)::pg_catalog.text IS NULL END
LIMIT 1`

/** Around the statements of a script that somebody else runs. */
export const BEGIN_SCRIPT = `BEGIN`
export const COMMIT_SCRIPT = `COMMIT`

export const CREATE_SCHEMA = `CREATE SCHEMA IF NOT EXISTS lockpool`

/** CACHE 1: with more, each session would draw from a stock of its own, out of order (measured: 1, 11, 2). */
const CREATE_FENCE: string = `
CREATE SEQUENCE IF NOT EXISTS lockpool.fence AS bigint
  INCREMENT ${TOKEN_STEP} MINVALUE ${TOKEN_STEP} START ${TOKEN_STEP} NO CYCLE CACHE 1`

/** One row: the timeline that tokens are drawn on, since when if it has ever changed, and the longest strict lease so far. */
const CREATE_TIMELINE = `
CREATE TABLE IF NOT EXISTS lockpool.timeline (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  name pg_catalog.text,
  since timestamp with time zone NOT NULL DEFAULT 'epoch',
  longest_lease_ms integer NOT NULL DEFAULT 0
)`

/** What `lock.guard` has seen: per resource, the greatest token of a writer, and of a reader. */
const CREATE_GUARD = `
CREATE TABLE IF NOT EXISTS lockpool.guard (
  resource pg_catalog.text PRIMARY KEY,
  token bigint NOT NULL,
  reader_token bigint NOT NULL DEFAULT 0
)`

/**
 * The marks of strict pools. A row is there exactly while a key is held, or after a hold has ended uncleanly. `holder` is
 * empty for the one who holds it exclusively, and names the session of a reader.
 */
const CREATE_HOLD = `
CREATE TABLE IF NOT EXISTS lockpool.hold (
  key pg_catalog.text NOT NULL,
  holder pg_catalog.text NOT NULL,
  session pg_catalog.text NOT NULL,
  lease_ms integer NOT NULL,
  PRIMARY KEY (key, holder)
)`

/** Who leads, by campaign. `session` is the process id of the lock session: what it wrote counts while it holds the key. */
const CREATE_LEADER = `
CREATE TABLE IF NOT EXISTS lockpool.leader (
  key pg_catalog.text PRIMARY KEY,
  name pg_catalog.text NOT NULL,
  token bigint NOT NULL,
  session integer NOT NULL,
  since timestamp with time zone NOT NULL
)`

/** All but the schema itself, which a role may have without being allowed to make one. */
export const CREATE_OBJECTS: readonly string[] = [
  CREATE_FENCE,
  CREATE_TIMELINE,
  CREATE_GUARD,
  CREATE_HOLD,
  CREATE_LEADER,
  CREATE_SECRET,
  HIDE_SECRET,
  FILL_SECRET,
]

/**
 * What keys are called, for people who look at locks. Nothing depends on it, so it is not written ahead, and empty after a
 * crash. `shapes` is there for semaphores: where the keys begin by which they name their numbers of permits.
 */
export const CREATE_KEY_NAMES = `
CREATE UNLOGGED TABLE IF NOT EXISTS lockpool.key_name (
  key pg_catalog.text PRIMARY KEY,
  name pg_catalog.text NOT NULL,
  namespace pg_catalog.text NOT NULL,
  shapes bigint,
  seen timestamp with time zone NOT NULL
)`

export const DROP_SCHEMA = `DROP SCHEMA IF EXISTS lockpool CASCADE`

/** What a role needs that did not create the objects. */
export function grantsTo(role: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [
    `GRANT USAGE ON SCHEMA lockpool TO ${name}`,
    `GRANT USAGE, SELECT, UPDATE ON SEQUENCE lockpool.fence TO ${name}`,
    `GRANT SELECT, INSERT, UPDATE ON lockpool.timeline, lockpool.guard, lockpool.leader TO ${name}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.hold TO ${name}`,
    secretGrantTo(role),
  ]
}

export function keyNameGrantsTo(role: string): string {
  return `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.key_name TO ${quoteIdentifier(role)}`
}

/** No row if there is no schema, and at least one without a name if there is. */
export const FIND_OBJECTS: string = `
SELECT
  class.relname AS name,
  class.oid::pg_catalog.text AS oid,
  pg_catalog.has_schema_privilege(namespace.oid, 'USAGE') AND CASE
    WHEN class.relkind OPERATOR(pg_catalog.=) 'S' THEN pg_catalog.has_sequence_privilege(class.oid, 'USAGE')
    ELSE pg_catalog.has_table_privilege(class.oid, 'SELECT') AND pg_catalog.has_table_privilege(class.oid, 'INSERT')
      AND pg_catalog.has_table_privilege(class.oid, 'UPDATE') AND CASE
        WHEN class.relname OPERATOR(pg_catalog.=) ANY (ARRAY['hold', 'key_name', 'report'])
          THEN pg_catalog.has_table_privilege(class.oid, 'DELETE')
        ELSE true END
    END AS is_usable,
  sequence.seqincrement OPERATOR(pg_catalog.=) ${TOKEN_STEP} AND sequence.seqcache OPERATOR(pg_catalog.=) 1
    AND NOT sequence.seqcycle AS is_right
FROM pg_catalog.pg_namespace AS namespace
LEFT JOIN pg_catalog.pg_class AS class
  ON class.relnamespace OPERATOR(pg_catalog.=) namespace.oid
  AND (class.relname OPERATOR(pg_catalog.=) 'fence' AND class.relkind OPERATOR(pg_catalog.=) 'S'
    OR class.relname OPERATOR(pg_catalog.=) ANY (ARRAY['timeline', 'guard', 'hold', 'leader', 'key_name', 'report'])
      AND class.relkind OPERATOR(pg_catalog.=) 'r')
LEFT JOIN pg_catalog.pg_sequence AS sequence ON sequence.seqrelid OPERATOR(pg_catalog.=) class.oid
WHERE namespace.nspname OPERATOR(pg_catalog.=) 'lockpool'`

/** Whether this role may make what is missing. Asked first, because a refusal would stand in the server's log. */
export const MAY_CREATE = `
SELECT coalesce(
  (
    SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') AND pg_catalog.has_schema_privilege(oid, 'USAGE')
    FROM pg_catalog.pg_namespace
    WHERE nspname OPERATOR(pg_catalog.=) 'lockpool'
  ),
  pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
) AS may_create`

/** Right at once after a promotion, unlike pg_control_checkpoint(), which waits for the next checkpoint (measured). */
export const CURRENT_TIMELINE = `SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS name`

export const STORED_TIMELINE = `SELECT name, longest_lease_ms FROM lockpool.timeline`

/** The first time, and whenever a pool comes with a longer lease. */
export const STORE_TIMELINE = `
INSERT INTO lockpool.timeline AS stored (name, longest_lease_ms)
VALUES ($1, $2)
ON CONFLICT (is_only) DO UPDATE
SET
  name = coalesce(stored.name, excluded.name),
  longest_lease_ms = greatest(stored.longest_lease_ms, excluded.longest_lease_ms)`

/** What a millisecond of the clock is worth in tokens: more than can be drawn in it. */
const TOKENS_PER_MS: number = 1024 * TOKEN_STEP

/** Some seconds of that. If the clock of this server is behind, so many draws may have been lost, four million, at least. */
const LEAP: bigint = 2n ** 32n

/**
 * A server that was promoted may not have heard of the last tokens, nor even of an earlier fail-over that has moved them. So
 * the sequence is moved past what it has and past what the clock says, which it can not outrun. A fixed distance alone would
 * lead two servers that start from the same place to the same tokens (found by chaos). Everybody who comes meanwhile waits
 * for the row, and so for the sequence. Whether or not this pool has tokens itself: nobody after it sees the change.
 */
export const FOLLOW_TIMELINE: string = `
WITH moved AS (
  UPDATE lockpool.timeline
  SET name = $1, since = clock_timestamp()
  WHERE name <> $1
  RETURNING
    to_regclass('lockpool.fence') AS fence,
    floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint * ${TOKENS_PER_MS} AS clock
)
SELECT setval(fence, greatest(nextval(fence), clock) + ${LEAP})
FROM moved
WHERE fence IS NOT NULL`

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
