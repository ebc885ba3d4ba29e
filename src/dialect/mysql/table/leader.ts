import type { LeaderInfo } from '../../leader.js'
import type { KeyCode } from '../../lock-key.js'
import type { RowKey } from '../../rows/row-key.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { leaderOf } from '../records/leader.js'
import { OWNER } from './leader-sql.js'

/** Null if nobody leads. What was written down counts only while the member that it was written for has the row. */
export async function readRowLeader(server: ServerConnection, key: KeyCode): Promise<LeaderInfo | null> {
  const row = (await server.say(OWNER, [(key as RowKey).bits]))[0]
  return row === undefined ? null : leaderOf(server, key, String(row[0]))
}
