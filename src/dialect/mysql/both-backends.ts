import type { ServerState, SessionEnd } from '../server-state.js'
import type { ServerConnection } from './connection/server-connection.js'
import { endSession, readListedLocks, type NamedLock } from './inspect/read-server-state.js'
import { endMember, isMember, readRows, reportsOf } from './table/rows-state.js'

export { reportsOf }

/** Reads the locks of a server, those of both backends, with their holders. */
export function lookAtLocks(server: ServerConnection, given: readonly NamedLock[]): Promise<ServerState> {
  return readListedLocks(server, given, (database, names) => readRows(server, database, names))
}

/** Ends the holder of locks: a session, or a member. */
export function endHolder(server: ServerConnection, id: number): Promise<SessionEnd> {
  return isMember(id) ? endMember(server, id) : endSession(server, id)
}
