import { systemClock } from '../../../base/clock.js'
import { FencingUnavailableError } from '../../../base/errors.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode } from '../../lock-key.js'
import type { Queryable } from '../../queryable.js'
import { explain, isNotInstalled } from '../connection/server-errors.js'
import { bitsOf } from '../table/key.js'
import { READ_LEADER, RECORD_LEADER } from './leader-sql.js'

/** @throws {FencingUnavailableError} the table does not exist, or this role may not write it */
export async function recordDistributedLeader(connection: Queryable, record: LeaderRecord): Promise<void> {
  const { key, name, token } = record
  try {
    await connection.query(RECORD_LEADER, [key.id, name, String(token), String(systemClock.instant().wall)])
  } catch (error) {
    if (!isNotInstalled(error)) throw explain(error)
    const message = `the table lockpool.dist_leader can't be used: "lockpool install --backend table --engine distributed" makes it, with --role for other roles than its own`
    throw new FencingUnavailableError(message, { cause: error })
  }
}

export async function readDistributedLeader(connection: Queryable, key: KeyCode): Promise<LeaderInfo | null> {
  const { rows } = await connection.query<Record<'name' | 'token' | 'since', string | null>>(READ_LEADER, [
    key.id,
    bitsOf(key),
  ])
  const [row] = rows
  if (row === undefined) return null
  const { name, token, since } = row
  return {
    name,
    token: token === null ? null : BigInt(token),
    since: since === null ? null : new Date(Number(since)),
  }
}
