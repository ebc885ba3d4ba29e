import { quoteIdentifier } from '../schema/schema-sql.js'

/**
 * The tables of the engine `distributed`. They have columns of three types, and a primary key as their only index.
 * Each statement is sent alone, because Aurora DSQL has one DDL statement per transaction.
 */

/**
 * One row per lock session. Each heartbeat increments `beat`. `dead` never becomes false again, and an id is never used
 * twice.
 */
const CREATE_MEMBER = `
CREATE TABLE IF NOT EXISTS lockpool.dist_member (
  id bigint PRIMARY KEY,
  beat bigint NOT NULL,
  dead boolean NOT NULL,
  lease_ms bigint NOT NULL,
  namespace varchar NOT NULL,
  name varchar NOT NULL
)`

/**
 * One row per lock session, which each statement that writes rows locks. `epoch` grows when the outcome of a statement
 * is unknown. It is separate from the member's row, so no heartbeat waits for a batch.
 */
const CREATE_GATE = `
CREATE TABLE IF NOT EXISTS lockpool.dist_gate (
  id bigint PRIMARY KEY,
  epoch bigint NOT NULL,
  floor bigint NOT NULL
)`

/**
 * One row per key, with its whole state. `owner` holds it exclusively, and is 0 if there is none; `readers` hold it
 * shared. `waiters` is in the order of arrival: a writer is its id, a reader the negative of its id. Lists have a space
 * before, between and after their members, or are empty. `version` grows with each write, is never below `token`, and
 * goes on growing when a row is removed and created again.
 */
const CREATE_LEASE = `
CREATE TABLE IF NOT EXISTS lockpool.dist_lease (
  key bigint PRIMARY KEY,
  version bigint NOT NULL,
  owner bigint NOT NULL,
  readers varchar NOT NULL,
  waiters varchar NOT NULL,
  token bigint NOT NULL
)`

/** One row. No new row of a lock starts at or below `floor`. */
const CREATE_FLOOR = `
CREATE TABLE IF NOT EXISTS lockpool.dist_floor (
  id bigint PRIMARY KEY,
  floor bigint NOT NULL
)`

/** The leaders of campaigns. `since` is in milliseconds since 1970, by the clock of the leader. */
const CREATE_LEADER = `
CREATE TABLE IF NOT EXISTS lockpool.dist_leader (
  key varchar PRIMARY KEY,
  name varchar NOT NULL,
  token bigint NOT NULL,
  since bigint NOT NULL
)`

/** The same table as for the other backends, which refuse each other by it. */
const CREATE_BACKEND = `
CREATE TABLE IF NOT EXISTS lockpool.backend (
  namespace varchar PRIMARY KEY,
  backend varchar NOT NULL,
  used_by varchar NOT NULL,
  since timestamp with time zone NOT NULL DEFAULT pg_catalog.now()
)`

/** The same table as for the other backends. */
const CREATE_GUARD = `
CREATE TABLE IF NOT EXISTS lockpool.guard (
  resource varchar PRIMARY KEY,
  token bigint NOT NULL,
  reader_token bigint NOT NULL DEFAULT 0
)`

const CREATE_SCHEMA = `CREATE SCHEMA IF NOT EXISTS lockpool`

export const CREATE_DISTRIBUTED: readonly string[] = [
  CREATE_SCHEMA,
  CREATE_MEMBER,
  CREATE_GATE,
  CREATE_LEASE,
  CREATE_LEADER,
  CREATE_BACKEND,
  CREATE_GUARD,
  CREATE_FLOOR,
]

/** `$1` is the time of day, so tokens also grow if the tables are dropped and created again. */
export const FILL_FLOOR = `
INSERT INTO lockpool.dist_floor (id, floor) VALUES (1, $1::bigint) ON CONFLICT (id) DO NOTHING`

const TABLES = ['dist_member', 'dist_gate', 'dist_lease', 'dist_leader', 'backend', 'guard', 'dist_floor']

/** Each fails if its table is missing or this role may not read it. The last one has a row once all is there. */
export const PROBES: readonly string[] = TABLES.map(
  (table) => `SELECT 1 AS found FROM lockpool.${table} AS probed LIMIT 1`,
)

/** The grants for a role that did not create the tables. */
export function distributedGrantsTo(role: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [
    `GRANT USAGE ON SCHEMA lockpool TO ${name}`,
    ...TABLES.map((table) => `GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE lockpool.${table} TO ${name}`),
  ]
}
