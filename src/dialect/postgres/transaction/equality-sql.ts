/**
 * Finds the equality operators for the columns of a table. A bare `=` would be resolved by the search path, where any
 * user may have put an operator that matches better. For built-in types, and for enums, arrays, ranges and domains over
 * them, the built-in operator is right. A type of an extension has its own operator, which is in the schema of the type
 * and belongs to the owner of the type.
 *
 * Returns the schemas of operators that are not built in, by column, as JSON. It also stores in a setting of the
 * transaction whether all operators are built in, so that the next statement can be sent without waiting for this
 * answer.
 */
export const FIND_EQUALITY = `
WITH RECURSIVE col AS (
  SELECT attname AS name, atttypid AS type
  FROM pg_catalog.pg_attribute
  WHERE attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)
    AND attname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[])
  UNION ALL
  SELECT col.name, domain.typbasetype
  FROM col
  JOIN pg_catalog.pg_type AS domain
    ON domain.oid OPERATOR(pg_catalog.=) col.type AND domain.typtype OPERATOR(pg_catalog.=) 'd'
), own AS (
  SELECT col.name, namespace.nspname AS schema
  FROM col
  JOIN pg_catalog.pg_type AS type
    ON type.oid OPERATOR(pg_catalog.=) col.type AND type.oid OPERATOR(pg_catalog.>=) 16384
    AND type.typtype OPERATOR(pg_catalog.=) 'b' AND type.typcategory OPERATOR(pg_catalog.<>) 'A'
  JOIN pg_catalog.pg_operator AS equal
    ON equal.oprname OPERATOR(pg_catalog.=) '='
    AND equal.oprleft OPERATOR(pg_catalog.=) type.oid AND equal.oprright OPERATOR(pg_catalog.=) type.oid
    AND equal.oprnamespace OPERATOR(pg_catalog.=) type.typnamespace
    AND equal.oprowner OPERATOR(pg_catalog.=) type.typowner
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid OPERATOR(pg_catalog.=) equal.oprnamespace
)
SELECT
  pg_catalog.set_config('lockpool.equality', CASE WHEN EXISTS (SELECT FROM own) THEN 'own' ELSE 'built in' END, true),
  coalesce((SELECT pg_catalog.json_object_agg(name, schema) FROM own)::pg_catalog.text, '{}') AS schemas`

/** A condition that keeps the statement from reading and locking rows if FIND_EQUALITY has found other operators. */
export const IS_BUILT_IN = `pg_catalog.current_setting('lockpool.equality') OPERATOR(pg_catalog.=) 'built in'`
