import { systemClock } from '../../base/clock.js'
import { checkServer } from '../../dialect/mysql/session/attach.js'
import { readServer } from '../../dialect/mysql/session/read-server.js'
import { ALL_LOCKS } from '../../dialect/mysql/inspect/inspect-sql.js'
import { explain } from '../../dialect/mysql/connection/server-errors.js'
import type { ServerConnection } from '../../dialect/mysql/connection/server-connection.js'
import type { Check } from '../doctor/verdict.js'
import { hangUp } from '../server.js'
import { mysqlConfigOf, openMysql } from './open.js'
import { ROUND_TRIP, ROW_TABLES, TABLES, TRY_BATCH, TRY_LOCK } from './doctor-sql.js'

const FAR_MS = 20
const TABLE_COUNT = 5
const ROW_TABLE_COUNT = 5
const ROUND_TRIPS = 5

function check(name: string, status: Check['status'], text: string, advice: string | null = null): Check {
  return { name, status, text, advice }
}

/** Checks whether a MariaDB or MySQL is suitable for locks. Changes nothing. */
export async function examineMysql(url: string | undefined, source: string): Promise<Check[]> {
  let server: ServerConnection
  const config = mysqlConfigOf({ url, applicationName: 'lockpool doctor' })
  try {
    server = await openMysql(config)
  } catch (error) {
    const text = `${explain(error).message}, by ${source}`
    return [
      check(
        'connection',
        'failure',
        text,
        'Check the URL, and whether the server is running and may be reached from here.',
      ),
    ]
  }
  const where = `${config.host ?? 'localhost'}:${config.port ?? 3306}`
  const database = config.database ?? null
  try {
    return [
      check('connection', 'ok', `database ${database ?? '(none)'} at ${where}, by ${source}`),
      ...(await checksOf(server, database)),
    ]
  } finally {
    await hangUp(server)
  }
}

async function checksOf(server: ServerConnection, database: string | null): Promise<Check[]> {
  try {
    if ((await readServer(server)).isCluster) return await checksOfCluster(server, database)
    const { isMariaDb } = await checkServer(server, database)
    const product = isMariaDb ? 'MariaDB' : 'MySQL'
    return [
      check('server', 'ok', `${product}, the primary, one server, without a proxy that shares sessions`),
      await databaseCheck(database),
      await lockCheck(server),
      await tableCheck(server, database),
      await listCheck(server),
      await distanceCheck(server),
    ]
  } catch (error) {
    return [check('server', 'failure', explain(error).message)]
  }
}

/** Only locks in rows exclude each other there. */
async function checksOfCluster(server: ServerConnection, database: string | null): Promise<Check[]> {
  const advice = 'Use backend "table": a named lock has no effect on the other nodes.'
  return [
    check('server', 'warning', 'a node of a Galera cluster: locks are rows there, backend "table"', advice),
    await rowsCheck(server, database),
    await distanceCheck(server),
  ]
}

async function rowsCheck(server: ServerConnection, database: string | null): Promise<Check> {
  if (database === null)
    return check('tables', 'failure', 'the URL names no database, in which locks could be rows')
  const found = (await server.say(ROW_TABLES)).length
  if (found === ROW_TABLE_COUNT) return check('tables', 'ok', 'the tables of backend "table" are there')
  const advice =
    'The first lock session of a user with CREATE and CREATE ROUTINE makes them, or "lockpool install --backend table".'
  return check('tables', 'warning', 'the tables of backend "table" are missing', advice)
}

async function databaseCheck(database: string | null): Promise<Check> {
  if (database !== null) return check('database', 'ok', `names of locks are those of database ${database}`)
  const advice =
    'Name a database in the URL: without one, locks have no tokens, and equal names of all such programs are one lock.'
  return check('database', 'warning', 'the URL names no database', advice)
}

async function lockCheck(server: ServerConnection): Promise<Check> {
  try {
    const [answer] = (await server.say(TRY_BATCH))[0]!
    const [one] = (await server.say(TRY_LOCK))[0]!
    if (String(answer) === '11' && Number(one) === 1)
      return check('locks', 'ok', 'a lock was taken and released, alone and in a batch')
    return check(
      'locks',
      'failure',
      'a lock could not be taken and released',
      'Another program has the lock lpdoctor.',
    )
  } catch (error) {
    return check('locks', 'failure', explain(error).message, 'GET_LOCK and JSON_TABLE are needed.')
  }
}

async function tableCheck(server: ServerConnection, database: string | null): Promise<Check> {
  if (database === null) return check('tables', 'warning', 'there is no database for them')
  const found = (await server.say(TABLES)).length
  if (found === TABLE_COUNT)
    return check('tables', 'ok', 'the tables for tokens, guards, leaders and names are there')
  const advice =
    'The first lock session of a user with CREATE makes them. Others need SELECT, INSERT, UPDATE and DELETE on lockpool_*.'
  return check(
    'tables',
    'warning',
    `${TABLE_COUNT - found} of ${TABLE_COUNT} tables for tokens, guards, leaders and names are missing`,
    advice,
  )
}

async function listCheck(server: ServerConnection): Promise<Check> {
  try {
    await server.say(ALL_LOCKS[server.isMariaDb ? 'mariadb' : 'mysql'])
    return check('looking', 'ok', 'the server lists named locks')
  } catch {
    const advice = server.isMariaDb
      ? "An administrator can add the list: INSTALL SONAME 'metadata_lock_info'."
      : 'The list is performance_schema.metadata_locks: this user needs SELECT on performance_schema.'
    return check(
      'looking',
      'warning',
      'the server does not list named locks: ls, who and break find those whose names are written down',
      advice,
    )
  }
}

async function distanceCheck(server: ServerConnection): Promise<Check> {
  const times: number[] = []
  for (let i = 0; i < ROUND_TRIPS; i++) {
    const since = systemClock.now()
    await server.say(ROUND_TRIP)
    times.push(systemClock.now() - since)
  }
  const ms = times.toSorted((a, b) => a - b)[ROUND_TRIPS >> 1]!
  const text = `a round trip takes ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms <= FAR_MS) return check('distance', 'ok', text)
  return check(
    'distance',
    'warning',
    text,
    'Run the program near its database: each lock takes a round trip.',
  )
}
