import { sleep, systemClock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import { LAST_CLOCK_MS, TOKENS_PER_MS } from '../../token-clock.js'
import { isNotInstalled, sqlState } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { CREATE_DISTRIBUTED, distributedGrantsTo, FILL_FLOOR, PROBES } from './schema-sql.js'

/**
 * Another process creates the same at this moment: unique_violation in a catalog, duplicate_table, duplicate_schema, and
 * a transaction that lost a conflict.
 */
const COLLISIONS: ReadonlySet<string> = new Set(['23505', '42P07', '42P06', '40001', '40P01', 'XX000'])

const MOST_ATTEMPTS = 20
const PAUSE_MS = 50

const MAY_NOT = '42501'

/** Creates missing tables, if this role may. @throws {ConnectionError} a table is missing afterwards */
export async function findOrMakeTables(connection: ServerConnection): Promise<void> {
  const missing = await firstProblem(connection)
  if (missing === null) return
  let refusal: unknown
  try {
    await makeTables(connection)
  } catch (error) {
    if (sqlState(error) === undefined) throw error
    refusal = error
  }
  const problem = await firstProblem(connection)
  if (problem === null) return
  const why =
    sqlState(problem) === MAY_NOT || sqlState(refusal) === MAY_NOT ? 'may not use or create' : 'can not find'
  throw new ConnectionError(
    `this role ${why} the tables of engine "distributed": "lockpool install --backend table --engine distributed" creates them, with --role for other roles than its own`,
    { retryable: refusal !== undefined && sqlState(refusal) !== MAY_NOT, cause: refusal ?? problem },
  )
}

/** Creates everything, one statement per transaction. It may run several times, and in several processes at once. */
export async function makeTables(connection: ServerConnection, roles: readonly string[] = []): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  for (const statement of tableScript(roles)) await untilDone(() => connection.query(statement))
}

/** The statements of `makeTables`, complete, for a script too. They also let roles use the tables. */
export function tableScript(roles: readonly string[]): readonly string[] {
  const now = Math.min(systemClock.instant().wall, LAST_CLOCK_MS)
  const floor = String(BigInt(now) * BigInt(TOKENS_PER_MS))
  return [...CREATE_DISTRIBUTED, FILL_FLOOR.replace('$1', floor), ...roles.flatMap(distributedGrantsTo)]
}

async function untilDone(statement: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- until it has been done
      return void (await statement())
    } catch (error) {
      if (!COLLISIONS.has(sqlState(error) ?? '') || attempt === MOST_ATTEMPTS) throw error
    }
    // oxlint-disable-next-line no-await-in-loop -- the same
    await sleep(systemClock, PAUSE_MS)
  }
}

/** The server's error for the first table that is missing or may not be read. Null if everything is there. */
export async function firstProblem(connection: ServerConnection): Promise<unknown> {
  const probes = PROBES.map((text) => connection.query(text))
  const found = await Promise.allSettled(probes)
  for (const each of found) {
    if (each.status === 'fulfilled') continue
    if (!isNotInstalled(each.reason)) throw each.reason
    return each.reason
  }
  const floor = found.at(-1) as PromiseFulfilledResult<{ rows: readonly unknown[] }>
  return floor.value.rows.length === 0 ? new Error('lockpool.dist_floor has no row') : null
}
