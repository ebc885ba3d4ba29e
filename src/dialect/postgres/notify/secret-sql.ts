/** The secret that processes of one database share, for the messages between them. */

/** A table of one row. A role that may read it can send genuine messages to other processes; no other role can. */
export const CREATE_SECRET = `
CREATE TABLE IF NOT EXISTS lockpool.secret (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  value pg_catalog.bytea NOT NULL
)`

/** The default privileges of a database may allow all roles to read new tables. */
export const HIDE_SECRET = `REVOKE ALL ON lockpool.secret FROM PUBLIC`

/** 244 random bits from the server's cryptographic generator. */
export const FILL_SECRET = `
INSERT INTO lockpool.secret (value)
SELECT pg_catalog.decode(
  pg_catalog.replace(
    pg_catalog.concat(pg_catalog.gen_random_uuid(), pg_catalog.gen_random_uuid()), '-', ''), 'hex')
ON CONFLICT DO NOTHING`

/**
 * Whether the table exists, and what this role may do with it. Returns no row if the schema does not exist or this role
 * may not use it.
 */
export const FIND_SECRET = `
SELECT
  class.oid IS NOT NULL AS is_there,
  coalesce(pg_catalog.has_table_privilege(class.oid, 'SELECT'), false) AS may_read,
  coalesce(pg_catalog.has_table_privilege(class.oid, 'INSERT'), false) AS may_fill,
  pg_catalog.has_schema_privilege(namespace.oid, 'CREATE') AS may_make,
  (SELECT oid::pg_catalog.text FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
    AS database
FROM pg_catalog.pg_namespace AS namespace
LEFT JOIN pg_catalog.pg_class AS class
  ON class.relnamespace OPERATOR(pg_catalog.=) namespace.oid
  AND class.relname OPERATOR(pg_catalog.=) 'secret' AND class.relkind OPERATOR(pg_catalog.=) 'r'
WHERE namespace.nspname OPERATOR(pg_catalog.=) 'lockpool'
  AND pg_catalog.has_schema_privilege(namespace.oid, 'USAGE')`

/** As hexadecimal digits. */
export const READ_SECRET = `SELECT pg_catalog.encode(value, 'hex') AS value FROM lockpool.secret`

export function secretGrantTo(role: string): string {
  return `GRANT SELECT ON lockpool.secret TO "${role.replaceAll('"', '""')}"`
}
