import { ConnectionError } from '../../../base/errors.js'
import { CREATE_BACKEND } from '../records/backend-sql.js'
import { CREATE_GUARD, CREATE_LEADER } from '../fencing/fence-sql.js'
import { CREATE_KEY_NAME } from '../inspect/inspect-sql.js'
import { errorNumber, isDenied } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { readServer } from '../session/read-server.js'
import { PLACE } from './member-sql.js'
import { CREATE_TABLES, FIND_PROCEDURES, FIND_TABLES, PLAIN_MODE, procedures, TABLES } from './schema-sql.js'

/** Another process has created it in the meantime. */
const PROCEDURE_EXISTS = 1304

/**
 * Creates missing tables and procedures for rows, if this user may. @throws {ConnectionError} an object is missing
 * afterwards
 */
export async function findOrMakeRows(connection: ServerConnection, place: string): Promise<void> {
  if ((await missingOf(connection, place)).length === 0) return
  let refusal: unknown
  try {
    await makeRows(connection, place)
  } catch (error) {
    if (errorNumber(error) === undefined) throw error
    refusal = error
  }
  const missing = await missingOf(connection, place)
  if (missing.length > 0) throw notThere(missing, refusal)
}

/** Creates everything, for `lockpool install --backend table`. @throws the error of the server */
export async function makeRowsOn(connection: ServerConnection): Promise<void> {
  const { isMariaDb, database } = await readServer(connection)
  if (database === null) throw new ConnectionError('the URL names no database', { retryable: false })
  await makeRows(connection, PLACE[isMariaDb ? 'mariadb' : 'mysql'])
}

async function makeRows(connection: ServerConnection, place: string): Promise<void> {
  await connection.say(PLAIN_MODE)
  // The pool resets the setting before another borrower uses the connection.
  connection.isUsed = true
  for (const statement of [...CREATE_TABLES, CREATE_BACKEND, CREATE_GUARD, CREATE_LEADER, CREATE_KEY_NAME])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await connection.say(statement)
  const found = new Set((await connection.say(FIND_PROCEDURES)).map(([name]) => String(name)))
  for (const [name, statement] of procedures(place)) {
    if (found.has(name)) continue
    try {
      // oxlint-disable-next-line no-await-in-loop -- the same
      await connection.say(statement)
    } catch (error) {
      if (errorNumber(error) !== PROCEDURE_EXISTS) throw error
    }
  }
}

async function missingOf(connection: ServerConnection, place: string): Promise<string[]> {
  const tables = new Set((await connection.say(FIND_TABLES)).map(([name]) => String(name)))
  const routines = new Set((await connection.say(FIND_PROCEDURES)).map(([name]) => String(name)))
  return [
    ...[...TABLES, 'lockpool_backend'].filter((name) => !tables.has(name)),
    ...[...procedures(place).keys()].filter((name) => !routines.has(name)),
  ]
}

function notThere(missing: readonly string[], cause: unknown): ConnectionError {
  const why = isDenied(cause) ? ', and this user may not create it' : ''
  return new ConnectionError(
    `this database lacks what backend "table" needs (${missing[0]}${missing.length > 1 ? ' and more' : ''})${why}: ` +
      '"lockpool install --backend table" creates it',
    { retryable: cause !== undefined && !isDenied(cause), ...(cause === undefined ? {} : { cause }) },
  )
}
