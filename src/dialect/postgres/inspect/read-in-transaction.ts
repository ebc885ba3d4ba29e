import type { Queryable } from '../../queryable.js'
import type { ServerState, SessionEnd } from '../../server-state.js'
import { TERMINATE } from './inspect-sql.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import { BEGIN_LOOK, END_LOOK, GIVE_UP_LOOK, OWN_NAMES } from '../connection/look-sql.js'
import { isNotInstalled, sqlState } from '../connection/server-errors.js'
import { ServerConnection } from '../connection/server-connection.js'
import { isDistributed } from '../distributed/engine.js'
import { endDistributedMember } from '../distributed/rows-state.js'
import { endMember, isMember } from '../table/rows-state.js'
import { readPortableState } from './read-portable-state.js'
import { readServerState, type InspectOptions } from './read-server-state.js'

/** insufficient_privilege */
const MAY_NOT = '42501'

/**
 * Does the same as `readServerState`, in a transaction with its own limits and search path, which end with it. For
 * connections that other code uses too, and for poolers, which may give the session to other clients.
 */
export async function readInTransaction(
  connection: Queryable,
  options: InspectOptions,
): Promise<ServerState> {
  const own = LeasedConnection.beneath(connection)
  if (own instanceof ServerConnection && own.isPortable) return readPortableState(own, options)
  const { rows } = await own.query<{ version: string }>(BEGIN_LOOK)
  try {
    const isEngine = own instanceof ServerConnection && isDistributed(rows[0]?.version)
    const state = await (isEngine ? readPortableState(own, options) : readServerState(own, options))
    await own.query(END_LOOK)
    return state
  } catch (error) {
    // If this fails too, the connection is lost, or its pool resets it.
    await own.query(GIVE_UP_LOOK).catch(() => undefined)
    throw error
  }
}

/**
 * Runs one statement without parameters and returns its only row. It is sent as one message, which is one transaction,
 * so it works through statement pooling too.
 */
export async function lookOnce<Row>(connection: Queryable, statement: string): Promise<Row> {
  const own = LeasedConnection.beneath(connection)
  return (await own.query<Row>(`${OWN_NAMES}; ${statement}`)).rows[0]!
}

/**
 * Ends a session if it is still the one that began at `startedAt`, and waits until it is gone.
 *
 * @throws this role may not end it
 */
export async function endSession(
  connection: Queryable,
  pid: number,
  startedAt: string | null,
): Promise<SessionEnd> {
  const own = LeasedConnection.beneath(connection)
  if (isMember(pid)) {
    const isPortable = own instanceof ServerConnection && own.isPortable
    return isPortable ? endDistributedMember(own, pid) : endMemberOfEither(own, pid)
  }
  const { rows } = await own.query<{ is_gone: boolean }>(TERMINATE, [pid, startedAt])
  const [row] = rows
  if (row === undefined) return 'none'
  return row.is_gone ? 'gone' : 'there'
}

/** The id does not say which engine wrote the member, and a database may have the tables of one engine only. */
async function endMemberOfEither(own: Queryable, id: number): Promise<SessionEnd> {
  const attempts = [endDistributedMember(own, id), endMember(own, id)]
  const ends = await Promise.allSettled(attempts)
  if (ends.some((end) => end.status === 'fulfilled' && end.value === 'gone')) return 'gone'
  for (const end of ends)
    if (end.status === 'rejected' && !(isNotInstalled(end.reason) && sqlState(end.reason) !== MAY_NOT))
      throw end.reason
  return 'none'
}
