import type { Queryable } from '../../queryable.js'
import type { OldSnapshot } from '../../server-state.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import { OWN_NAMES } from '../connection/look-sql.js'
import { OLDEST_SNAPSHOT } from './inspect-sql.js'

interface SnapshotRow {
  readonly pid: number
  readonly application: string
  readonly open_ms: string
  readonly transactions: number
}

/**
 * The session or prepared transaction with the oldest snapshot. Null if no transaction has begun since, or if this role
 * may not see any.
 */
export async function oldestSnapshot(connection: Queryable): Promise<OldSnapshot | null> {
  return decoded((await connection.query<SnapshotRow>(OLDEST_SNAPSHOT)).rows)
}

/** Does the same in one message, so it works through statement pooling too. */
export async function lookAtSnapshots(connection: Queryable): Promise<OldSnapshot | null> {
  const own = LeasedConnection.beneath(connection)
  return decoded((await own.query<SnapshotRow>(`${OWN_NAMES}; ${OLDEST_SNAPSHOT}`)).rows)
}

function decoded([row]: readonly SnapshotRow[]): OldSnapshot | null {
  if (row === undefined) return null
  const { pid, application, open_ms: openMs, transactions } = row
  return { pid, application, openMs: Number(openMs), transactions }
}
