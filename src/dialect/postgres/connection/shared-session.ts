import { PoolerDetectedError } from '../../../base/errors.js'
import { HEARTBEAT } from './heartbeat-sql.js'
import type { ServerConnection } from './server-connection.js'

/** The problem of a server or proxy that runs several connections in one server session. */
export const ONE_SESSION: string =
  'behind several connections there is one and the same server session, in which every caller would get the same lock'

/** How many open connections of this process have each session key. */
const connectionCounts = new Map<string, number>()

/**
 * Refuses a connection that shares its server session with another connection of this process. Locks of the one would
 * be locks of the other, and the reset after one borrower would release the locks of the other.
 *
 * @throws {PoolerDetectedError}
 */
export async function refuseSharedSession(connection: ServerConnection): Promise<void> {
  const key = connection.sessionKey
  // No lock depends on the session of a portable connection.
  if (key === null || connection.isPortable) return
  connectionCounts.set(key, (connectionCounts.get(key) ?? 0) + 1)
  connection.onEnd(() => {
    const others = connectionCounts.get(key)! - 1
    if (others > 0) connectionCounts.set(key, others)
    else connectionCounts.delete(key)
  })
  if (connectionCounts.get(key) === 1) return
  // A pooler may announce the same meaningless key to all clients, so equal keys alone prove nothing. Behind a pooler,
  // the self-test checks lock sessions.
  const { rows } = await connection.query<{ pid: number }>(HEARTBEAT)
  if (rows[0]!.pid === connection.processID) throw new PoolerDetectedError(ONE_SESSION)
}
