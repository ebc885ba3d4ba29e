import { systemClock } from '../../base/clock.js'
import { checkServer } from '../../dialect/mysql/session/attach.js'
import { readServer } from '../../dialect/mysql/session/read-server.js'
import { ALL_LOCKS } from '../../dialect/mysql/inspect/inspect-sql.js'
import { errorNumber, explain } from '../../dialect/mysql/connection/server-errors.js'
import type { ServerConnection } from '../../dialect/mysql/connection/server-connection.js'
import type { Check } from '../doctor/verdict.js'
import { backendProblems } from '../../dialect/mysql/choose-backend.js'
import { MOVING_FROM } from '../../dialect/mysql/records/backend-sql.js'
import { LEAST_CLUSTER_LEASE_MS } from '../../dialect/mysql/table/join.js'
import { quoted } from '../../base/printable.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import { hangUp } from '../server.js'
import { mysqlConfigOf, openMysql } from './open.js'
import { BACKENDS, ROUND_TRIP, ROW_TABLES, TABLES, TRY_BATCH, TRY_LOCK } from './doctor-sql.js'

const FAR_MS = 20
const TABLE_COUNT = 5
const ROW_TABLE_COUNT = 5
const ROUND_TRIPS = 5

function check(name: string, status: Check['status'], text: string, advice: string | null = null): Check {
  return { name, status, text, advice }
}

export interface MysqlExamination {
  readonly url: string | undefined
  /** Where the URL was given, in words. */
  readonly source: string
  /** The lease of the program that is going to lock. */
  readonly leaseMs: number
}

/** Checks whether a MariaDB or MySQL is suitable for locks. Changes nothing. */
export async function examineMysql({ url, source, leaseMs }: MysqlExamination): Promise<Check[]> {
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
      ...(await checksOf(server, database, leaseMs)),
    ]
  } finally {
    await hangUp(server)
  }
}

async function checksOf(
  server: ServerConnection,
  database: string | null,
  leaseMs: number,
): Promise<Check[]> {
  try {
    const records = await readRecords(server)
    if ((await readServer(server)).isCluster) return await checksOfCluster(server, database, leaseMs, records)
    const { isMariaDb } = await checkServer(server, database)
    const product = isMariaDb ? 'MariaDB' : 'MySQL'
    return [
      check('server', 'ok', `${product}, the primary, one server, without a proxy that shares sessions`),
      await databaseCheck(database),
      ...backendChecks(records, 'named'),
      leaseCheck(isKeptInRows(records) ? 'table' : 'named', leaseMs),
      await lockCheck(server),
      isKeptInRows(records) ? await rowsCheck(server, database) : await tableCheck(server, database),
      await listCheck(server),
      await distanceCheck(server),
    ]
  } catch (error) {
    return [check('server', 'failure', explain(error).message)]
  }
}

/** Only locks in rows exclude each other there. */
async function checksOfCluster(
  server: ServerConnection,
  database: string | null,
  leaseMs: number,
  records: readonly BackendRecord[],
): Promise<Check[]> {
  const advice = 'Use backend "table": a named lock has no effect on the other nodes.'
  return [
    check('server', 'warning', 'a node of a Galera cluster: locks are rows there, backend "table"', advice),
    ...backendChecks(records, 'table'),
    leaseCheck('cluster', leaseMs),
    await rowsCheck(server, database),
    await distanceCheck(server),
  ]
}

interface BackendRecord {
  readonly namespace: string
  readonly backend: string
  readonly by: string
}

async function readRecords(server: ServerConnection): Promise<readonly BackendRecord[]> {
  try {
    return (await server.say(BACKENDS)).map(([namespace, backend, by, since]) => ({
      namespace: String(namespace),
      backend: String(backend),
      by: `${String(by)} since ${String(since)}`,
    }))
  } catch (error) {
    // Without the table no pool has recorded anything. A user that may not read it makes no record either.
    if (errorNumber(error) === undefined) throw error
    return []
  }
}

function isKeptInRows(records: readonly BackendRecord[]): boolean {
  return records.some(({ namespace, backend }) => namespace === '' && backend === 'table')
}

/** Whether a pool without the option `backend`, or with "table" in a cluster, gets BACKEND_MISMATCH. */
function backendChecks(records: readonly BackendRecord[], usual: 'named' | 'table'): Check[] {
  const moves = records
    .filter(({ backend }) => backend.startsWith(MOVING_FROM))
    .map(({ namespace, by }) =>
      check(
        'backend',
        'warning',
        `the locks ${whose(namespace)} are being moved to another backend by ${by}: until then every pool gets BACKEND_MISMATCH`,
        'If that process is gone, the next pool undoes the move.',
      ),
    )
  const kept = records.find(({ namespace }) => namespace === '')
  if (kept === undefined || kept.backend.startsWith(MOVING_FROM)) return moves
  const kind = kept.backend.split('/')[0]!
  if (kind === usual) return [check('backend', 'ok', `locks are kept with backend "${kind}"`), ...moves]
  return [
    check(
      'backend',
      'warning',
      `locks are kept with backend "${kind}", by ${kept.by}: a pool or a "lockpool run" with backend "${usual}" gets BACKEND_MISMATCH`,
      `Use backend "${kind}" (lockpool run --backend ${kind}), another namespace, or lockpool migrate-backend --to ${usual}`,
    ),
    ...moves,
  ]
}

function whose(namespace: string): string {
  return namespace === '' ? 'without a namespace' : `of namespace ${quoted(namespace)}`
}

function leaseCheck(kind: 'named' | 'table' | 'cluster', leaseMs: number): Check {
  const words = durationInWords(leaseMs)
  const problems = backendProblems({ backend: kind === 'named' ? 'named' : 'table', leaseMs })
  if (problems.length > 0)
    return check('lease', 'failure', `a pool refuses a lease of ${words}: ${problems.join('; ')}`)
  if (kind === 'cluster' && leaseMs < LEAST_CLUSTER_LEASE_MS)
    return check(
      'lease',
      'warning',
      `a pool refuses a lease of ${words} in a cluster, which commits nothing for some seconds when it loses a node`,
      `Set leaseMs to ${LEAST_CLUSTER_LEASE_MS} or more, and pass it here with --lease.`,
    )
  const what = kind === 'named' ? 'its session' : 'its heartbeat'
  return check('lease', 'ok', `a lock is free ${words} after ${what} has fallen silent`)
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
