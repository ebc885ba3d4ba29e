import type { LeaderInfo } from '../../leader.js'
import type { KeyCode } from '../../lock-key.js'
import type { RowKey } from '../../rows/row-key.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { leaderOf } from '../records/leader.js'
import { OWNER } from './leader-sql.js'

/**
 * Returns null if no member holds the key. A record counts only while the member that it was written for owns the row.
 */
export async function readRowLeader(server: ServerConnection, key: KeyCode): Promise<LeaderInfo | null> {
  const row = (await server.say(OWNER, [(key as RowKey).bits]))[0]
  return row === undefined ? null : leaderOf(server, key, String(row[0]))
}
