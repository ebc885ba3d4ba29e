/**
 * By which operators the rows of a table are found. The name `=` would be looked up by the search path, where anybody may have
 * put one that fits better. For the server's own types, for enums, arrays, ranges and domains over them it is the server's own;
 * a type of an extension has its own, and that stands where the type does, and belongs to whoever owns the type.
 *
 * Answers the schemas of those that are not the server's own, by column, as JSON. A setting of the transaction says to the
 * statement that is sent behind it whether there are none, so that it need not be waited for.
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

/** In a condition: nothing is looked at, and nothing locked, if FIND_EQUALITY has found something. */
export const IS_BUILT_IN = `pg_catalog.current_setting('lockpool.equality') OPERATOR(pg_catalog.=) 'built in'`
