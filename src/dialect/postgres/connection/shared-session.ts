import { PoolerDetectedError } from '../../../base/errors.js'
import { HEARTBEAT } from './heartbeat-sql.js'
import type { ServerConnection } from './server-connection.js'

/** What is wrong with a server, or with what stands before it, that has one session for several connections. */
export const ONE_SESSION: string =
  'behind several connections there is one and the same server session, in which everybody would be told yes for the ' +
  'same lock'

/** How many open connections of this process were told of each server session. */
const told = new Map<string, number>()

/**
 * Two connections with one server session between them: their locks are one another's, and what cleans up behind one
 * borrower takes the locks of the other.
 *
 * @throws {PoolerDetectedError}
 */
export async function refuseTwin(connection: ServerConnection): Promise<void> {
  const key = connection.sessionKey
  if (key === null) return
  told.set(key, (told.get(key) ?? 0) + 1)
  connection.onEnd(() => {
    const others = told.get(key)! - 1
    if (others > 0) told.set(key, others)
    else told.delete(key)
  })
  if (told.get(key) === 1) return
  // A pooler may tell the same to everybody, and mean nothing by it: lock sessions are tested behind one.
  const { rows } = await connection.query<{ pid: number }>(HEARTBEAT)
  if (rows[0]!.pid === connection.processID) throw new PoolerDetectedError(ONE_SESSION)
}
