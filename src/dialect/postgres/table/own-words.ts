/**
 * SQL that may run under any search path names the schema of each operator. That hides what it says, so statements are
 * written with `{=}` and the like, and this puts the long form in.
 */
export function own(sql: string): string {
  return sql.replaceAll(/\{([^\s{}A-Za-z0-9]+)\}/g, 'OPERATOR(pg_catalog.$1)')
}
