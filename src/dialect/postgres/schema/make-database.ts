import type { ServerConnection } from '../connection/server-connection.js'
import { sqlState } from '../connection/server-errors.js'
import { createDatabase, FIND_DATABASE } from './database-sql.js'

const ALREADY_THERE = '42P04'

/** Creates a database unless it exists. Returns whether it was created. */
export async function makeDatabase(connection: ServerConnection, name: string): Promise<boolean> {
  if ((await connection.query(FIND_DATABASE, [name])).rows.length > 0) return false
  try {
    await connection.query(createDatabase(name))
    return true
  } catch (error) {
    // Another process has created it in the meantime.
    if (sqlState(error) !== ALREADY_THERE) throw error
    return false
  }
}
