import { FencingUnavailableError } from '../../../base/errors.js'
import { asciiOf } from '../../../base/printable.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode } from '../../lock-key.js'
import type { Queryable } from '../../queryable.js'
import { explain, isNotEncodable, isNotInstalled } from '../connection/server-errors.js'
import { bitsOf } from './key.js'
import { READ_TABLE_LEADER, RECORD_TABLE_LEADER } from './leader-sql.js'

/** The key of the row, in the same table as leaders by session locks. */
const rowOf = (key: KeyCode): string => `t${key.id}`

/** @throws {FencingUnavailableError} the table does not exist, or this role may not write it */
export async function recordTableLeader(connection: Queryable, record: LeaderRecord): Promise<void> {
  const { key, name, token } = record
  try {
    await connection.query(RECORD_TABLE_LEADER, [rowOf(key), name, String(token)])
  } catch (error) {
    const spelled = asciiOf(name)
    if (isNotEncodable(error) && spelled !== name)
      return recordTableLeader(connection, { ...record, name: spelled })
    if (!isNotInstalled(error)) throw explain(error)
    const message = `the table lockpool.leader can't be used: "lockpool install" makes it, with --role for other roles than its own`
    throw new FencingUnavailableError(message, { cause: error })
  }
}

export async function readTableLeader(connection: Queryable, key: KeyCode): Promise<LeaderInfo | null> {
  const { rows } = await connection.query<{
    name: string | null
    token: string | null
    since: string | null
  }>(READ_TABLE_LEADER, [rowOf(key), bitsOf(key)])
  const [row] = rows
  if (row === undefined) return null
  const { name, token, since } = row
  return {
    name,
    token: token === null ? null : BigInt(token),
    since: since === null ? null : new Date(since),
  }
}
