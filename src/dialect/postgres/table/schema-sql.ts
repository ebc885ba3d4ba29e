import { own } from './own-words.js'
import { quoteIdentifier } from '../schema/schema-sql.js'
import { BRIEF_BATCH } from './brief-batch-sql.js'
import { BATCH } from './batch-sql.js'
import { CLOCK } from '../timeline/timeline-sql.js'

/** The objects for rows with leases, in schema `lockpool`: how they are created, granted and found. */

/**
 * One row per lock session. Each heartbeat increments `beat`. `epoch` grows when the outcome of a statement is unknown:
 * statements of an older epoch change nothing any more. `dead` never becomes false again, and an id is never used
 * twice. `epoch` and `floor` are in a unique index, so a change of either waits for every statement that has passed the
 * gate; a heartbeat does not wait. A member's locks are valid only on one timeline of the server. With `secret`, other
 * members prove that they have given it a lock. Roles that may not read this table can't.
 */
export const CREATE_MEMBER = `
CREATE TABLE IF NOT EXISTS lockpool.member (
  id bigint PRIMARY KEY,
  epoch bigint NOT NULL DEFAULT 0,
  floor bigint NOT NULL,
  generation bigint NOT NULL DEFAULT 0,
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
 * One row per key, with its whole state. All rows have the same generation (see `nextGeneration`). `owner` holds it exclusively, `readers` hold it shared. `waiters` is in the
 * order of arrival: a writer is its id, a reader the negative of its id. A released lock is reserved for the first of
 * them. Only generation and key are indexed, so updates stay within their page.
 */
export const CREATE_LEASE = `
CREATE TABLE IF NOT EXISTS lockpool.lease (
  generation bigint NOT NULL DEFAULT 0,
  key bigint NOT NULL,
  owner bigint,
  readers bigint[],
  waiters bigint[],
  token bigint NOT NULL,
  PRIMARY KEY (generation, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`

/**
 * One row. No new row of a lock starts with a smaller token than `floor`, which is above the tokens of all rows that
 * were ever removed. `timeline` is the timeline of the server on which rows are valid.
 */
export const CREATE_FLOOR = `
CREATE TABLE IF NOT EXISTS lockpool.floor (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  floor bigint NOT NULL,
  generation bigint NOT NULL DEFAULT 0,
  timeline pg_catalog.text
)`

/** Adds what an earlier version did not create. */
export const ADD_COLUMNS: readonly string[] = [
  ...['member', 'floor'].map(
    (table) => `ALTER TABLE lockpool.${table} ADD COLUMN IF NOT EXISTS timeline pg_catalog.text`,
  ),
  `ALTER TABLE lockpool.member
    ADD COLUMN IF NOT EXISTS secret pg_catalog.text NOT NULL DEFAULT pg_catalog.gen_random_uuid()`,
  ...['member', 'floor'].map(
    (table) => `ALTER TABLE lockpool.${table} ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0`,
  ),
  // Processes of an earlier version fail from now on. They would not find rows of later generations.
  own(`DO $$ BEGIN
    IF NOT EXISTS (
      SELECT FROM pg_catalog.pg_attribute AS attribute
      WHERE attribute.attrelid {=} 'lockpool.lease'::pg_catalog.regclass AND attribute.attname {=} 'generation'
    ) THEN
      ALTER TABLE lockpool.lease ADD COLUMN generation bigint NOT NULL DEFAULT 0,
        DROP CONSTRAINT lease_pkey, ADD PRIMARY KEY (generation, key);
    END IF;
  END $$`),
]

export const FILL_FLOOR: string = own(
  `INSERT INTO lockpool.floor (floor) VALUES (${CLOCK}) ON CONFLICT (is_only) DO NOTHING`,
)

/** The planner's own choice would scan the whole table in another order, so two batches could deadlock. */
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

/**
 * A change of the parameters or of the result needs a new name, because processes with both versions may run at the
 * same time.
 */
const FUNCTIONS: readonly BatchFunction[] = [
  {
    name: 'table_batch_5',
    takes: 'pg_catalog.bytea, bigint[], bigint[], bigint, bigint, bigint, bigint[]',
    answers: 'floor pg_catalog.text, made pg_catalog.text, done pg_catalog.text, rung bigint',
    statement: BATCH,
  },
  {
    name: 'table_brief_batch_4',
    takes: 'bigint[], bigint[], bigint[], bigint, bigint, bigint[], bigint',
    answers:
      'floor pg_catalog.text, made pg_catalog.text, taken pg_catalog.text, tokens pg_catalog.text, ' +
      'released pg_catalog.text, awaited pg_catalog.text, rung bigint',
    statement: BRIEF_BATCH,
  },
]

export const FUNCTION_COUNT: number = FUNCTIONS.length

/** Functions keep their plan for each server connection, whichever client gets it from a pooler. */
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

/** The grants for a role that did not create the objects. */
export function tableGrantsTo(role: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [
    `GRANT SELECT, INSERT, UPDATE, DELETE ON lockpool.member, lockpool.lease, lockpool.floor TO ${name}`,
    ...FUNCTIONS.map((each) => `GRANT EXECUTE ON FUNCTION lockpool.${each.name} (${each.takes}) TO ${name}`),
  ]
}

/** Which of the objects exist, and whether this role may use them. */
export const FIND_TABLES: string = own(`
SELECT
  pg_catalog.has_schema_privilege(namespace.oid, 'USAGE')
    AND coalesce(pg_catalog.bool_and(pg_catalog.has_table_privilege(class.oid, 'SELECT')
    AND pg_catalog.has_table_privilege(class.oid, 'INSERT') AND pg_catalog.has_table_privilege(class.oid, 'UPDATE')
    AND (class.relname {=} 'backend' OR pg_catalog.has_table_privilege(class.oid, 'DELETE'))), false) AS is_usable,
  pg_catalog.count(*) FILTER (WHERE class.relname {=} 'backend' OR EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS attribute
    WHERE attribute.attrelid {=} class.oid AND attribute.attname {=} 'generation' AND NOT attribute.attisdropped
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
GROUP BY namespace.oid`)
