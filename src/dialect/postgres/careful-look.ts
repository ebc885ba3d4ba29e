import type { Queryable } from '../queryable.js'
import type { ServerState } from '../server-state.js'
import { BEGIN_LOOK, END_LOOK, END_SESSION, GIVE_UP_LOOK } from './look-sql.js'
import { readServerState, type InspectOptions } from './postgres-inspect.js'

/** As `readServerState`, with limits of its own that end with it: for connections that others use too. */
export async function lookCarefully(connection: Queryable, options: InspectOptions): Promise<ServerState> {
  await connection.query(BEGIN_LOOK)
  try {
    const state = await readServerState(connection, options)
    await connection.query(END_LOOK)
    return state
  } catch (error) {
    // If that fails too, the connection is gone, or its pool cleans it.
    await connection.query(GIVE_UP_LOOK).catch(() => undefined)
    throw error
  }
}

/**
 * Ends a session of this database, if it is still the one that began then.
 *
 * @throws if the role may not
 */
export async function endSession(connection: Queryable, pid: number, startedAt: number): Promise<boolean> {
  const { rows } = await connection.query<{ ended: boolean }>(END_SESSION, [pid, startedAt])
  return rows[0]?.ended ?? false
}
