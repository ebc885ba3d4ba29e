/** The statements of `lockpool uninstall` for MariaDB and MySQL. */

export function dropProcedure(name: string): string {
  return `DROP PROCEDURE IF EXISTS ${name}`
}

export function dropTable(name: string): string {
  return `DROP TABLE IF EXISTS ${name}`
}
