/**
 * SQL that may run under any search path must name the schema of each operator, which makes it hard to read. So
 * statements are written with `{=}` and the like, and this expands them.
 */
export function own(sql: string): string {
  return sql.replaceAll(/\{([^\s{}A-Za-z0-9]+)\}/g, 'OPERATOR(pg_catalog.$1)')
}
