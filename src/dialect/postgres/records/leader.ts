import { FencingUnavailableError } from '../../../base/errors.js'
import { asciiOf } from '../../../base/printable.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode } from '../../lock-key.js'
import type { Queryable } from '../../queryable.js'
import { READ_LEADER, READ_LEADER_WITHOUT_NAME, RECORD_LEADER } from './leader-sql.js'
import { explain, isNotEncodable, isNotInstalled } from '../connection/server-errors.js'
import type { PostgresKey } from '../keys/key.js'

interface LeaderRow {
  readonly name: string | null
  readonly token: string | null
  readonly since: string | null
}

/** @throws {FencingUnavailableError} the table does not exist, or this role may not write it */
export async function recordLeader(
  connection: Queryable,
  { key, name, token, session }: LeaderRecord,
): Promise<void> {
  try {
    await connection.query(RECORD_LEADER, [key.id, name, String(token), session])
  } catch (error) {
    const spelled = asciiOf(name)
    if (isNotEncodable(error) && spelled !== name)
      return recordLeader(connection, { key, name: spelled, token, session })
    if (!isNotInstalled(error)) throw explain(error)
    const message = `the table lockpool.leader can't be used: "lockpool install" makes it, with --role for other roles than its own`
    throw new FencingUnavailableError(message, { cause: error })
  }
}

export async function readLeader(connection: Queryable, key: KeyCode): Promise<LeaderInfo | null> {
  const { bits, isPair } = key as PostgresKey
  const place = [bits, isPair ? 2 : 1]
  try {
    return toInfo((await connection.query<LeaderRow>(READ_LEADER, [key.id, ...place])).rows[0])
  } catch (error) {
    if (!isNotInstalled(error)) throw explain(error)
  }
  return toInfo((await connection.query<LeaderRow>(READ_LEADER_WITHOUT_NAME, place)).rows[0])
}

function toInfo(row: LeaderRow | undefined): LeaderInfo | null {
  if (row === undefined) return null
  const { name, token, since } = row
  return {
    name,
    token: token === null ? null : BigInt(token),
    since: since === null ? null : new Date(since),
  }
}
