/**
 * Creates objects with the names of the server's own objects, in a schema where every role may create. The server
 * counts the calls of each function, also in transactions that only read or are rolled back. A statement of lockpool
 * that finds a shadow calls a counted function. `schema` is quoted already. Each statement takes the names as
 * `$1::text[]`.
 */

/** The functions that every shadow calls. The server does not count a function that it calls for an aggregate or for ANY. */
export function witnesses(schema: string): string {
  return ['function', 'aggregate', 'operator', 'type', 'relation']
    .map(
      (kind) =>
        `CREATE FUNCTION ${schema}.called_${kind}() RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END'`,
    )
    .join(';')
}

const body = (schema: string, kind: string, result: string): string =>
  `'BEGIN PERFORM ${schema}.called_${kind}(); RETURN${result === '' ? '' : ` ${result}`}; END'`

/** The types of arguments and operands in statements of lockpool. */
const TYPES = `'{int2,int4,int8,numeric,float8,text,varchar,name,oid,bool,timestamptz,interval}'::text[]`

/** Runs the statements that a query generates, and skips those that the server refuses. */
const executing = (statements: string): string => `
DO $do$ DECLARE made text; BEGIN
  FOR made IN ${statements}
  LOOP BEGIN EXECUTE made; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP;
END $do$`

/** The names as a literal, because DO takes no parameters. */
const listed = (names: readonly string[]): string =>
  `unnest(ARRAY[${names.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')}]::text[])`

/** Functions with the exact arguments of the server's own, and with one or two arguments of any of the `TYPES`. */
export function shadowFunctions(schema: string, names: readonly string[]): string {
  const one = `'LANGUAGE plpgsql AS ' || quote_literal(${body(schema, 'function', 'NULL')})`
  const set = `'LANGUAGE plpgsql AS ' || quote_literal(${body(schema, 'function', '')})`
  return [
    // One query for functions and set-returning functions, so that none is created twice.
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.%I(%s) RETURNS %s %s', proname,
        replace(pg_get_function_identity_arguments(oid), '"any"', 'anynonarray'),
        CASE WHEN proretset THEN 'SETOF ' ELSE '' END || CASE WHEN prorettype = 'void'::regtype THEN 'text' ELSE format_type(prorettype, NULL) END,
        CASE WHEN proretset THEN ${set} ELSE ${one} END)
      FROM pg_proc JOIN ${listed(names)} AS wanted (name) ON proname = name
      WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind <> 'a'`),
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.%I(%s) RETURNS %s %s', name, l, l, ${one})
      FROM ${listed(names)} AS name, unnest(${TYPES}) AS l
      WHERE name NOT IN (SELECT proname FROM pg_proc WHERE prokind = 'a')`),
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.%I(%s, %s) RETURNS %s %s', name, l, r, l, ${one})
      FROM ${listed(names)} AS name, unnest(${TYPES}) AS l, unnest(${TYPES}) AS r
      WHERE name IN (SELECT proname FROM pg_proc WHERE pronargs = 2 OR proname IN ('format', 'concat_ws'))
        AND name NOT IN (SELECT proname FROM pg_proc WHERE prokind = 'a')`),
  ].join(';')
}

/** Each aggregate has its own step function, which the server calls for every row. */
export function shadowAggregates(schema: string, names: readonly string[]): string {
  return [
    `CREATE FUNCTION ${schema}.step_none(int8) RETURNS int8 LANGUAGE plpgsql AS ${body(schema, 'aggregate', '$1')}`,
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.step_%s(int8, %s) RETURNS int8 LANGUAGE plpgsql AS %L', l, l, ${body(schema, 'aggregate', '$1')})
      FROM unnest(${TYPES} || '{anyelement}'::text[]) AS l`),
    executing(`
      SELECT format('CREATE AGGREGATE ${schema}.%I(*) (sfunc = ${schema}.step_none, stype = int8, initcond = 0)', name)
      FROM ${listed(names)} AS name JOIN pg_proc ON proname = name AND prokind = 'a'`),
    executing(`
      SELECT DISTINCT format('CREATE AGGREGATE ${schema}.%I(%s) (sfunc = ${schema}.step_%s, stype = int8, initcond = 0)', name, l, l)
      FROM ${listed(names)} AS name JOIN pg_proc ON proname = name AND prokind = 'a', unnest(${TYPES}) AS l`),
  ].join(';')
}

export function shadowOperators(schema: string, names: readonly string[]): string {
  return [
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.of_%s_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', kind, n, l, r,
        CASE kind WHEN 'truth' THEN 'bool' ELSE l END, ${body(schema, 'operator', 'NULL')})
      FROM unnest('{truth,value}'::text[]) AS kind, unnest(${TYPES}) WITH ORDINALITY AS a (l, n), unnest(${TYPES}) AS r`),
    executing(`
      SELECT format('CREATE OPERATOR ${schema}.%s (function = ${schema}.of_%s_%s, leftarg = %s, rightarg = %s)', name,
        CASE WHEN name ~ '[=<>~]' AND name NOT IN ('<<', '>>') THEN 'truth' ELSE 'value' END, n, l, r)
      FROM ${listed(names)} AS name, unnest(${TYPES}) WITH ORDINALITY AS a (l, n), unnest(${TYPES}) AS r`),
  ].join(';')
}

/** Domains with a check that calls a function for every value that is cast to them. */
export function shadowDomains(schema: string, names: readonly string[]): string {
  return [
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.check_%s(pg_catalog.%I) RETURNS pg_catalog.bool LANGUAGE plpgsql AS %L', name, name, ${body(schema, 'type', 'true')})
      FROM ${listed(names)} AS name`),
    executing(`
      SELECT format('CREATE DOMAIN ${schema}.%I AS pg_catalog.%I CHECK (${schema}.check_%s(VALUE))', name, name, name)
      FROM ${listed(names)} AS name`),
  ].join(';')
}

/** New types, with an implicit cast from each of the `TYPES`, and a cast for assignments back to it. */
export function shadowTypes(schema: string, names: readonly string[]): string {
  return [
    executing(
      `SELECT format('CREATE TYPE ${schema}.%I AS (is_shadow pg_catalog.bool)', name) FROM ${listed(names)} AS name`,
    ),
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.cast_%s_%s(pg_catalog.%I) RETURNS ${schema}.%I LANGUAGE plpgsql AS %L', l, name, l, name, ${body(schema, 'type', 'NULL')})
      FROM ${listed(names)} AS name, unnest(${TYPES}) AS l`),
    executing(`
      SELECT format('CREATE FUNCTION ${schema}.cast_back_%s_%s(${schema}.%I) RETURNS pg_catalog.%I LANGUAGE plpgsql AS %L', l, name, name, l, ${body(schema, 'type', 'NULL')})
      FROM ${listed(names)} AS name, unnest(${TYPES}) AS l`),
    executing(`
      SELECT format('CREATE CAST (pg_catalog.%I AS ${schema}.%I) WITH FUNCTION ${schema}.cast_%s_%s(pg_catalog.%I) AS IMPLICIT', l, name, l, name, l)
      FROM ${listed(names)} AS name, unnest(${TYPES}) AS l`),
    executing(`
      SELECT format('CREATE CAST (${schema}.%I AS pg_catalog.%I) WITH FUNCTION ${schema}.cast_back_%s_%s(${schema}.%I) AS ASSIGNMENT', name, l, l, name, name)
      FROM ${listed(names)} AS name, unnest(${TYPES}) AS l`),
  ].join(';')
}

/**
 * Views with the columns of the server's own relation, if there is one with this name. Reading a view calls a counted
 * function.
 */
export function shadowRelations(schema: string, names: readonly string[]): string {
  return executing(`
      SELECT CASE
        WHEN to_regclass('pg_catalog.' || quote_ident(name)) IS NULL
          THEN format('CREATE VIEW ${schema}.%I AS SELECT ${schema}.called_relation() AS is_only', name)
        ELSE format('CREATE VIEW ${schema}.%I AS SELECT * FROM pg_catalog.%I WHERE ${schema}.called_relation()', name, name) END
      FROM ${listed(names)} AS name`)
}
