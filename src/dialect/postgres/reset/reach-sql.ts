import { OWN_NAMES } from '../connection/look-sql.js'

/**
 * Statements that find out which code the names in a statement reach. The text of the statement does not show that
 * code, and it may leave anything on the session.
 */

/**
 * The server's own functions that leave something or that run a text as SQL, as they appear in the text of an
 * expression.
 */
const HAZARDS = `'set_config|advisory|_to_xml|ts_stat|ts_rewrite|dblink|listen|pg_terminate|replication'`

/** Objects of users have this oid or a larger one. Smaller ones are the server's own. */
const FIRST_OF_USERS = 16384

/** Excludes objects of extensions: users who may install an extension are trusted more than this check requires. */
const notOfExtension = (catalog: string, oid: string): string => `
    NOT EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND deptype = 'e')`

/**
 * Finds the names that reach code of users, and whether reading runs it or only writing. A row without a name means all
 * names: there are operators or casts of users, whose use no name shows. Every object with the name counts, in any
 * schema.
 *
 * - A table's partitions, children, and the tables that its foreign keys cascade to are included.
 * - Expressions of defaults, checks and indexes count as run by reading, because the planner evaluates them.
 */
const REACH = `
WITH RECURSIVE own_function AS MATERIALIZED (
  SELECT oid, proname AS name
  FROM pg_proc
  WHERE oid >= ${FIRST_OF_USERS} AND ${notOfExtension('pg_proc', 'pg_proc.oid')}
), step AS MATERIALIZED (
  SELECT inhparent AS source, inhrelid AS target, false AS is_key FROM pg_inherits
  UNION ALL
  SELECT confrelid, conrelid, true
  FROM pg_constraint
  WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
), reached AS (
  SELECT wanted.name, class.oid, false AS is_key
  FROM wanted
  JOIN pg_class AS class ON class.relname = wanted.name AND class.oid >= ${FIRST_OF_USERS}
  UNION
  SELECT reached.name, step.target, reached.is_key OR step.is_key
  FROM reached
  JOIN step ON step.source = reached.oid
), calling AS MATERIALIZED (
  SELECT coalesce(def.adrelid, con.conrelid, ind.indrelid, dep.objid) AS oid
  FROM pg_depend AS dep
  LEFT JOIN pg_attrdef AS def ON dep.classid = 'pg_attrdef'::regclass AND def.oid = dep.objid
  LEFT JOIN pg_constraint AS con ON dep.classid = 'pg_constraint'::regclass AND con.oid = dep.objid
  LEFT JOIN pg_index AS ind ON dep.classid = 'pg_class'::regclass AND ind.indexrelid = dep.objid
  WHERE dep.refclassid = 'pg_proc'::regclass AND dep.refobjid IN (SELECT oid FROM own_function)
), risk AS (
  SELECT
    reached.name,
    reached.is_key,
    class.relkind IN ('v', 'f') OR class.relhasrules OR class.relrowsecurity
      OR class.oid IN (SELECT oid FROM calling)
      OR EXISTS (
        SELECT FROM pg_attribute AS col JOIN pg_type AS type ON type.oid = col.atttypid
        WHERE col.attrelid = class.oid AND type.typtype = 'd' AND type.oid >= ${FIRST_OF_USERS})
      OR EXISTS (SELECT FROM pg_attrdef WHERE adrelid = class.oid AND pg_get_expr(adbin, adrelid) ~ ${HAZARDS})
      OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = class.oid AND pg_get_expr(conbin, conrelid) ~ ${HAZARDS})
      AS by_expression,
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = class.oid AND NOT tgisinternal) AS by_trigger
  FROM reached
  JOIN pg_class AS class ON class.oid = reached.oid
)
SELECT name, CASE WHEN bool_or(by_reading) THEN 'reading' ELSE 'writing' END AS risk
FROM (
  SELECT name, by_expression AND NOT is_key AS by_reading FROM risk WHERE by_expression OR by_trigger
  UNION ALL
  SELECT wanted.name, true FROM wanted JOIN own_function ON own_function.name = wanted.name
  UNION ALL
  SELECT wanted.name, true
  FROM wanted
  JOIN pg_type AS type ON type.typname = wanted.name AND type.typtype = 'd' AND type.oid >= ${FIRST_OF_USERS}
  UNION ALL
  SELECT NULL, true
  WHERE EXISTS (SELECT FROM pg_operator WHERE oid >= ${FIRST_OF_USERS} AND ${notOfExtension('pg_operator', 'pg_operator.oid')})
    OR EXISTS (SELECT FROM pg_cast WHERE oid >= ${FIRST_OF_USERS} AND castfunc <> 0 AND ${notOfExtension('pg_cast', 'pg_cast.oid')})
) AS risky
GROUP BY name`

/**
 * The whole message is one transaction, so its search path ends with it. `names` is an SQL literal: a JSON array of
 * texts.
 */
export function reachStatement(names: string): string {
  return `${OWN_NAMES}; SET LOCAL statement_timeout = '5s'; ${REACH.replace(
    'WITH RECURSIVE ',
    () => `WITH RECURSIVE wanted AS MATERIALIZED (
  SELECT name FROM jsonb_array_elements_text(${names}::jsonb) AS name
), `,
  )}`
}
