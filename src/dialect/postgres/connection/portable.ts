/**
 * Marks the settings of connections to an engine that has only the common part of PostgreSQL's SQL. Then only
 * statements of that part are sent. `pg` ignores symbols.
 */
export const PORTABLE: unique symbol = Symbol('portable')

export function isPortable(config: object): boolean {
  return (config as { readonly [PORTABLE]?: boolean })[PORTABLE] === true
}

/** The endpoints of Aurora DSQL clusters, by region, and of their private links. It calls itself PostgreSQL. */
const DSQL_HOST = /\.dsql(?:-[a-z0-9]+)?\.[a-z0-9-]+\.on\.aws$/i

export function isDsqlHost(host: string): boolean {
  return DSQL_HOST.test(host)
}
