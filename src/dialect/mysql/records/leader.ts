import { FencingUnavailableError } from '../../../base/errors.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode } from '../../lock-key.js'
import { HOLDER, READ_LEADER, RECORD_LEADER } from '../fencing/guard-sql.js'
import { errorNumber, isDenied, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'

const UNKNOWN: LeaderInfo = { name: null, token: null, since: null }

export async function recordLeader(
  server: ServerConnection,
  { key, name, token, session }: LeaderRecord,
): Promise<void> {
  try {
    await server.say(RECORD_LEADER, [key.id, name, String(token), session])
  } catch (error) {
    if (!isUnusable(error)) throw error
    throw new FencingUnavailableError('the table lockpool_leader is not there, or may not be written', {
      cause: error,
    })
  }
}

/**
 * Returns null if no session holds the key. A record counts only while the session that it was written for has the
 * lock.
 */
export async function readLeader(server: ServerConnection, key: KeyCode): Promise<LeaderInfo | null> {
  const holder = (await server.say(HOLDER, [key.id]))[0]![0]!
  return holder === null ? null : leaderOf(server, key, holder)
}

/** What the session that has the key has recorded. */
export async function leaderOf(
  server: ServerConnection,
  key: KeyCode,
  holder: string | number,
): Promise<LeaderInfo> {
  try {
    const row = (await server.say(READ_LEADER, [key.id, holder]))[0]
    if (row === undefined) return UNKNOWN
    return { name: String(row[0]), token: BigInt(row[1]!), since: new Date(Number(row[2])) }
  } catch (error) {
    if (isUnusable(error)) return UNKNOWN
    throw error
  }
}

function isUnusable(error: unknown): boolean {
  return errorNumber(error) === NO_SUCH_TABLE || isDenied(error)
}
