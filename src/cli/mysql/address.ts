import { connectionSource } from '../connection.js'
import { UsageError } from '../usage-error.js'

/** Whether the database of a command is MariaDB or MySQL, by the scheme of its URL. */
export function isMysql(url: string | undefined): boolean {
  const text = connectionSource(url, process.env)?.url ?? process.env['DATABASE_URL'] ?? ''
  return /^(?:mysql|mariadb):/i.test(text.trim())
}

/**
 * Refuses flags that only PostgreSQL has, for a command with the URL of another database.
 *
 * @throws {UsageError} names the first of them
 */
export function refuseInMysql<Name extends string>(
  url: string | undefined,
  flags: Readonly<Partial<Record<Name, unknown>>>,
  ...names: readonly Name[]
): void {
  const given = names.find((name) => flags[name] !== undefined)
  if (given !== undefined && isMysql(url)) throw new UsageError(`--${given} is for PostgreSQL`)
}
