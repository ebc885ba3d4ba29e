import type { Queryable } from '../../queryable.js'
import type { ServerState, SessionEnd } from '../../server-state.js'
import { TERMINATE } from './inspect-sql.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import { BEGIN_LOOK, END_LOOK, GIVE_UP_LOOK, OWN_NAMES } from '../connection/look-sql.js'
import { endMember, isMember } from '../table/rows-state.js'
import { readServerState, type InspectOptions } from './read-server-state.js'

/**
 * As `readServerState`, in a transaction with limits and a search path of its own, which end with it: for connections that
 * others use too, and for poolers, which may hand the session to others.
 */
export async function lookCarefully(connection: Queryable, options: InspectOptions): Promise<ServerState> {
  const own = LeasedConnection.beneath(connection)
  await own.query(BEGIN_LOOK)
  try {
    const state = await readServerState(own, options)
    await own.query(END_LOOK)
    return state
  } catch (error) {
    // If that fails too, the connection is gone, or its pool cleans it.
    await own.query(GIVE_UP_LOOK).catch(() => undefined)
    throw error
  }
}

/** What one statement without parameters answers, in a transaction that is one message: also through statement pooling. */
export async function lookOnce<Row>(connection: Queryable, statement: string): Promise<Row> {
  const own = LeasedConnection.beneath(connection)
  return (await own.query<Row>(`${OWN_NAMES}; ${statement}`)).rows[0]!
}

/**
 * Tells a session to end, if it is still the one that began then, and waits for that.
 *
 * @throws if the role may not
 */
export async function endSession(
  connection: Queryable,
  pid: number,
  startedAt: string | null,
): Promise<SessionEnd> {
  if (isMember(pid)) return endMember(LeasedConnection.beneath(connection), pid)
  const { rows } = await LeasedConnection.beneath(connection).query<{ is_gone: boolean }>(TERMINATE, [
    pid,
    startedAt,
  ])
  const [row] = rows
  if (row === undefined) return 'none'
  return row.is_gone ? 'gone' : 'there'
}
