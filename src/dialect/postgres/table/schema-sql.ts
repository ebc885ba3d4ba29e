import { own } from './own-words.js'
import { quoteIdentifier } from '../schema/schema-sql.js'
import { BRIEF_BATCH } from './brief-batch-sql.js'
import { BATCH } from './batch-sql.js'

/** The objects of rows with leases, in schema `lockpool`: how they are made, granted and found. */

/**
 * One row per lock session. `beat` goes up with each heartbeat. `epoch` goes up where the outcome of a statement is not
 * known: statements of an older epoch do nothing any more. `dead` never goes back to false, and an id is never used again.
 * With `epoch` and `floor` in a unique index, changing one of them waits for every statement that has passed the gate, and a
 * heartbeat does not. What it has is believed on one timeline of the server alone. With `secret` the others prove to it that it
 * was given a lock: roles that may not read this table cannot.
 */
export const CREATE_MEMBER = `
CREATE TABLE IF NOT EXISTS lockpool.member (
  id bigint PRIMARY KEY,
  epoch bigint NOT NULL DEFAULT 0,
  floor bigint NOT NULL,
  beat bigint NOT NULL DEFAULT 0,
  dead boolean NOT NULL DEFAULT false,
  lease_ms integer NOT NULL,
  namespace pg_catalog.text NOT NULL,
  name pg_catalog.text NOT NULL,
  timeline pg_catalog.text,
  secret pg_catalog.text NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  UNIQUE (id, epoch, floor)
) WITH (fillfactor = 20)`

/**
 * One row per key, with everything about it. `owner` has it exclusively, `readers` have it shared. `waiters` stand in the order
 * in which they came: a writer as its id, a reader as minus its id. A lock that was given up is kept for the first of them.
 * No column but the key is indexed, so that updates stay within their page.
 */
export const CREATE_LEASE = `
CREATE TABLE IF NOT EXISTS lockpool.lease (
  key bigint PRIMARY KEY,
  owner bigint,
  readers bigint[],
  waiters bigint[],
  token bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`

/**
 * One row: no new row of a lock begins with a smaller token. It is above that of every row that was ever removed. And the
 * timeline of the server on which rows are believed.
 */
export const CREATE_FLOOR = `
CREATE TABLE IF NOT EXISTS lockpool.floor (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  floor bigint NOT NULL,
  timeline pg_catalog.text
)`

/** Those of an earlier build. */
export const ADD_COLUMNS: readonly string[] = [
  ...['member', 'floor'].map(
    (table) => `ALTER TABLE lockpool.${table} ADD COLUMN IF NOT EXISTS timeline pg_catalog.text`,
  ),
  `ALTER TABLE lockpool.member
    ADD COLUMN IF NOT EXISTS secret pg_catalog.text NOT NULL DEFAULT pg_catalog.gen_random_uuid()`,
]

export const FILL_FLOOR = `INSERT INTO lockpool.floor (floor) VALUES (0) ON CONFLICT (is_only) DO NOTHING`

/** The planner's own choice walks through the whole table, in another order, so that two batches lock each other out. */
const FUNCTION_SETTINGS = `
  SET search_path = pg_catalog, pg_temp
  SET enable_seqscan = off
  SET enable_hashjoin = off
  SET enable_mergejoin = off
  SET plan_cache_mode = force_generic_plan
  SET jit = off`

interface BatchFunction {
  readonly name: string
  readonly takes: string
  readonly answers: string
  readonly statement: string
}

/** What it is called with, or what it answers, is another function: processes of both kinds may be there at once. */
const FUNCTIONS: readonly BatchFunction[] = [
  {
    name: 'table_batch_4',
    takes: 'pg_catalog.bytea, bigint[], bigint[], bigint, bigint, bigint, bigint[]',
    answers: 'floor pg_catalog.text, made pg_catalog.text, done pg_catalog.text, rung bigint',
    statement: BATCH,
  },
  {
    name: 'table_brief_batch_3',
    takes: 'bigint[], bigint[], bigint[], bigint, bigint, bigint[], bigint',
    answers:
      'floor pg_catalog.text, made pg_catalog.text, taken pg_catalog.text, tokens pg_catalog.text, ' +
      'released pg_catalog.text, awaited pg_catalog.text, rung bigint',
    statement: BRIEF_BATCH,
  },
]

/** How many there are. */
export const FUNCTION_COUNT: number = FUNCTIONS.length

/** A plan that is made once for each server connection, whoever borrows that from a pooler. */
export const CREATE_BATCH_FUNCTIONS: readonly string[] = FUNCTIONS.map(
  ({ name, takes, answers, statement }) => `
CREATE OR REPLACE FUNCTION lockpool.${name} (${takes})
RETURNS TABLE (${answers})
LANGUAGE plpgsql${FUNCTION_SETTINGS}
AS $$
BEGIN
  RETURN QUERY ${statement};
END
$$`,
)

export const CREATE_TABLES: readonly string[] = [
  CREATE_MEMBER,
  CREATE_LEASE,
  CREATE_FLOOR,
  FILL_FLOOR,
  ...ADD_COLUMNS,
]

/** What a role needs that did not create the objects. */
export function tableGrantsTo(role: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [
    `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.member, lockpool.lease, lockpool.floor TO ${name}`,
    ...FUNCTIONS.map((each) => `GRANT EXECUTE ON FUNCTION lockpool.${each.name} (${each.takes}) TO ${name}`),
  ]
}

/** What is there of it, and what of it this role may use. */
export const FIND_TABLES: string = own(`
SELECT
  coalesce(pg_catalog.bool_and(pg_catalog.has_table_privilege(class.oid, 'SELECT')
    AND pg_catalog.has_table_privilege(class.oid, 'INSERT') AND pg_catalog.has_table_privilege(class.oid, 'UPDATE')
    AND (class.relname {=} 'backend' OR pg_catalog.has_table_privilege(class.oid, 'DELETE'))), false) AS is_usable,
  pg_catalog.count(*) FILTER (WHERE NOT class.relname {=} ANY (ARRAY['member', 'floor']) OR EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS attribute
    WHERE attribute.attrelid {=} class.oid AND attribute.attname {=} CASE WHEN class.relname {=} 'member' THEN 'secret' ELSE 'timeline' END AND NOT attribute.attisdropped
  ))::int AS tables,
  (
    SELECT pg_catalog.count(*)::int FROM pg_catalog.pg_proc AS proc
    WHERE proc.pronamespace {=} namespace.oid
      AND proc.proname {=} ANY (ARRAY[${FUNCTIONS.map(({ name }) => `'${name}'`).join(', ')}])
      AND pg_catalog.has_function_privilege(proc.oid, 'EXECUTE')
  ) AS functions
FROM pg_catalog.pg_namespace AS namespace
JOIN pg_catalog.pg_class AS class ON class.relnamespace {=} namespace.oid
WHERE namespace.nspname {=} 'lockpool' AND class.relkind {=} 'r'
  AND class.relname {=} ANY (ARRAY['member', 'lease', 'floor', 'backend'])
  AND pg_catalog.has_schema_privilege(namespace.oid, 'USAGE')
GROUP BY namespace.oid`)
