import { TOKEN_STEP } from '../../lock-operation.js'
import { SCHEMA_CLASS } from '../keys/key.js'
import { backendGrantTo, CREATE_BACKEND } from './backend-sql.js'
import { CREATE_SECRET, FILL_SECRET, HIDE_SECRET, secretGrantTo } from '../notify/secret-sql.js'

/** The objects in schema `lockpool`: how they are made, brought up to date, granted, found and dropped. */

/** How many objects FIND_OBJECTS finds when all are there that pools make. */
export const OBJECT_COUNT = 7

/**
 * Processes that start at once must not collide, which IF NOT EXISTS does not see to: the one that comes first holds this
 * lock until its transaction ends, and the others look again so often, 50 ms apart. Then they go on all the same: anybody
 * may hold the lock, and the worst of it is a collision.
 */
export function queueUp(attempts: number): string {
  return `
SELECT attempt
FROM pg_catalog.generate_series(1, ${attempts}) AS attempt
WHERE CASE
  WHEN pg_catalog.pg_try_advisory_xact_lock(${SCHEMA_CLASS}, 0) THEN true
  ELSE pg_catalog.pg_sleep(0.05)::pg_catalog.text IS NULL END
LIMIT 1`
}

/** Around the statements of a script that somebody else runs. */
export const BEGIN_SCRIPT = `BEGIN`
export const COMMIT_SCRIPT = `COMMIT`

export const CREATE_SCHEMA = `CREATE SCHEMA IF NOT EXISTS lockpool`

/** CACHE 1: with more, each session would draw from a stock of its own, out of order (measured: 1, 11, 2). */
const CREATE_FENCE: string = `
CREATE SEQUENCE IF NOT EXISTS lockpool.fence AS bigint
  INCREMENT ${TOKEN_STEP} MINVALUE ${TOKEN_STEP} START ${TOKEN_STEP} NO CYCLE CACHE 1`

/**
 * One row. Which server that was that wrote it last: `name` is its timeline, `system` its system identifier, `started` the
 * moment its postmaster did. `since` is when that changed, for versions that go by the clock.
 *
 * - `floor`             no token above it is handed out before it says so; what was drawn since is above it
 * - `strict_lease_ms`   no lease of a strict pool is longer; null until the first comes
 * - `longest_lease_ms`  what strict pools wait after a change of the server: no lease can be longer that it may not know of
 * - `settling_ms`       the same, while nobody has waited it out since the last change
 */
const CREATE_TIMELINE = `
CREATE TABLE IF NOT EXISTS lockpool.timeline (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  name pg_catalog.text,
  since timestamp with time zone NOT NULL DEFAULT 'epoch',
  longest_lease_ms integer NOT NULL DEFAULT 0,
  system pg_catalog.text,
  started pg_catalog.text,
  floor bigint NOT NULL DEFAULT 0,
  strict_lease_ms integer,
  settling_ms integer NOT NULL DEFAULT 0
)`

/** One that an older version has made. */
export const UPGRADE_TIMELINE = `
ALTER TABLE lockpool.timeline
  ADD COLUMN IF NOT EXISTS system pg_catalog.text,
  ADD COLUMN IF NOT EXISTS started pg_catalog.text,
  ADD COLUMN IF NOT EXISTS floor bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS strict_lease_ms integer,
  ADD COLUMN IF NOT EXISTS settling_ms integer NOT NULL DEFAULT 0`

/**
 * A row for the run of the server in which the sequence was last moved to where it belongs. Not written ahead: PostgreSQL
 * empties it whenever it recovers, from a crash or as a replica, so while the row is there nothing was forgotten.
 */
const CREATE_RUN = `
CREATE UNLOGGED TABLE IF NOT EXISTS lockpool.run (
  run pg_catalog.text PRIMARY KEY
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
  CREATE_RUN,
  CREATE_GUARD,
  CREATE_HOLD,
  CREATE_LEADER,
  CREATE_BACKEND,
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
    `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.hold, lockpool.run TO ${name}`,
    backendGrantTo(name),
    secretGrantTo(role),
  ]
}

export function keyNameGrantsTo(role: string): string {
  return `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.key_name TO ${quoteIdentifier(role)}`
}

/**
 * No row if there is no schema, and at least one without a name if there is. `is_right` is false for what somebody has
 * changed so that it does not do what it is for, and for a timeline of an older version.
 */
export const FIND_OBJECTS: string = `
SELECT
  class.relname AS name,
  class.oid::pg_catalog.text AS oid,
  pg_catalog.has_schema_privilege(namespace.oid, 'USAGE') AND CASE
    WHEN class.relkind OPERATOR(pg_catalog.=) 'S' THEN pg_catalog.has_sequence_privilege(class.oid, 'USAGE')
    ELSE pg_catalog.has_table_privilege(class.oid, 'SELECT') AND pg_catalog.has_table_privilege(class.oid, 'INSERT')
      AND pg_catalog.has_table_privilege(class.oid, 'UPDATE') AND CASE
        WHEN class.relname OPERATOR(pg_catalog.=) ANY (ARRAY['hold', 'run', 'key_name', 'report', 'release_request'])
          THEN pg_catalog.has_table_privilege(class.oid, 'DELETE')
        ELSE true END
    END AS is_usable,
  CASE
    WHEN class.relkind OPERATOR(pg_catalog.=) 'S' THEN pg_catalog.has_sequence_privilege(class.oid, 'UPDATE')
    ELSE pg_catalog.pg_has_role(class.relowner, 'USAGE') END AS is_movable,
  CASE
    WHEN class.relname OPERATOR(pg_catalog.=) ANY (ARRAY['run', 'key_name', 'report', 'release_request'])
      THEN class.relpersistence OPERATOR(pg_catalog.=) 'u'
    ELSE class.relpersistence OPERATOR(pg_catalog.=) 'p' END
  AND CASE
    WHEN class.relkind OPERATOR(pg_catalog.=) 'S'
      THEN sequence.seqincrement OPERATOR(pg_catalog.=) ${TOKEN_STEP} AND sequence.seqcache OPERATOR(pg_catalog.=) 1
        AND NOT sequence.seqcycle AND sequence.seqmax OPERATOR(pg_catalog.=) 9223372036854775807
    WHEN class.relname OPERATOR(pg_catalog.=) 'timeline'
      THEN EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid OPERATOR(pg_catalog.=) class.oid AND attname OPERATOR(pg_catalog.=) 'settling_ms'
          AND NOT attisdropped)
    ELSE true END AS is_right
FROM pg_catalog.pg_namespace AS namespace
LEFT JOIN pg_catalog.pg_class AS class
  ON class.relnamespace OPERATOR(pg_catalog.=) namespace.oid
  AND (class.relname OPERATOR(pg_catalog.=) 'fence' AND class.relkind OPERATOR(pg_catalog.=) 'S'
    OR class.relname OPERATOR(pg_catalog.=) ANY (ARRAY['timeline', 'run', 'guard', 'hold', 'leader', 'backend', 'key_name', 'report', 'release_request'])
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

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
