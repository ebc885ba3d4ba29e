import { connectionSource } from '../connection.js'

/** Whether the database of a command is MariaDB or MySQL, by the scheme of its URL. */
export function isMysql(url: string | undefined): boolean {
  const text = connectionSource(url, process.env)?.url ?? process.env['DATABASE_URL'] ?? ''
  return /^(?:mysql|mariadb):/i.test(text.trim())
}
