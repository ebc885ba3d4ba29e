import { TOKEN_STEP } from '../../lock-operation.js'
import { SCHEMA_CLASS } from '../keys/key.js'
import { backendGrantTo, CREATE_BACKEND } from './backend-sql.js'
import { CREATE_SECRET, FILL_SECRET, HIDE_SECRET, secretGrantTo } from '../notify/secret-sql.js'

/** The objects in schema `lockpool`: how they are created, updated, granted, found and dropped. */

/** The number of objects that FIND_OBJECTS finds when all objects that pools create exist. */
export const OBJECT_COUNT = 7

/**
 * Keeps processes that start at the same time from colliding, which IF NOT EXISTS does not do. The first process holds
 * this lock until its transaction ends. The others try again up to `attempts` times, 50 ms apart, and then continue
 * without the lock: any user can hold it, and the worst result is a collision.
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

/** Around the statements of a script that an operator runs. */
export const BEGIN_SCRIPT = `BEGIN`
export const COMMIT_SCRIPT = `COMMIT`

export const CREATE_SCHEMA = `CREATE SCHEMA IF NOT EXISTS lockpool`

/** CACHE 1, because with more each session would draw from its own cache, out of order (measured: 1, 11, 2). */
const CREATE_FENCE: string = `
CREATE SEQUENCE IF NOT EXISTS lockpool.fence AS bigint
  INCREMENT ${TOKEN_STEP} MINVALUE ${TOKEN_STEP} START ${TOKEN_STEP} NO CYCLE CACHE 1`

/**
 * A table of one row that describes the server that wrote it last: `name` is its timeline, `system` its system
 * identifier, `started` the start of its postmaster. `since` is when that changed, for versions of lockpool that use
 * the clock.
 *
 * - `floor`: no token above it is handed out until it is raised; every token drawn since then is above it
 * - `strict_lease_ms`: the maximum lease of strict pools; null until there is one
 * - `longest_lease_ms`: what strict pools wait after a change of the server. No lease that this server may not know of
 *   can be longer
 * - `settling_ms`: the same wait, as long as no pool has waited it out since the last change; then 0
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

/** For a table that an older version of lockpool has created. */
export const UPGRADE_TIMELINE = `
ALTER TABLE lockpool.timeline
  ADD COLUMN IF NOT EXISTS system pg_catalog.text,
  ADD COLUMN IF NOT EXISTS started pg_catalog.text,
  ADD COLUMN IF NOT EXISTS floor bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS strict_lease_ms integer,
  ADD COLUMN IF NOT EXISTS settling_ms integer NOT NULL DEFAULT 0`

/**
 * One row for the run of the server in which the sequence was last moved to its place. The table is unlogged:
 * PostgreSQL empties it whenever it recovers, after a crash or as a replica. So while the row exists, nothing was
 * forgotten.
 */
const CREATE_RUN = `
CREATE UNLOGGED TABLE IF NOT EXISTS lockpool.run (
  run pg_catalog.text PRIMARY KEY
)`

/** The tokens that `lock.guard` has seen: for each resource, the largest of a writer and the largest of a reader. */
const CREATE_GUARD = `
CREATE TABLE IF NOT EXISTS lockpool.guard (
  resource pg_catalog.text PRIMARY KEY,
  token bigint NOT NULL,
  reader_token bigint NOT NULL DEFAULT 0
)`

/**
 * The hold records of strict pools. A row exists while a key is held, or after a hold has ended uncleanly. `holder` is
 * empty for an exclusive holder, and names the session of a reader.
 */
const CREATE_HOLD = `
CREATE TABLE IF NOT EXISTS lockpool.hold (
  key pg_catalog.text NOT NULL,
  holder pg_catalog.text NOT NULL,
  session pg_catalog.text NOT NULL,
  lease_ms integer NOT NULL,
  PRIMARY KEY (key, holder)
)`

/**
 * The leaders of campaigns. `session` is the pid of the lock session. A row counts only while that session holds the
 * key.
 */
const CREATE_LEADER = `
CREATE TABLE IF NOT EXISTS lockpool.leader (
  key pg_catalog.text PRIMARY KEY,
  name pg_catalog.text NOT NULL,
  token bigint NOT NULL,
  session integer NOT NULL,
  since timestamp with time zone NOT NULL
)`

/** All objects except the schema itself: a role may have the schema without the right to create one. */
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
 * The names of keys, for people who look at locks. No promise depends on it, so the table is unlogged and empty after a
 * crash. `shapes` is set for semaphores only: the number just before its shapes.
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

/** The grants for a role that did not create the objects. */
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
 * Returns no row if there is no schema, and at least one row, without a name, if there is one. `is_right` is false for
 * an object that was altered so that it no longer works, and for a timeline table of an older version.
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

/**
 * Whether this role may create what is missing. This is asked first, because a refusal would be logged by the server.
 */
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
