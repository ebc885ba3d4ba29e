import { systemClock } from '../../../base/clock.js'
import type { ServerState } from '../../server-state.js'
import { readDistributedRows, readVersion } from '../distributed/rows-state.js'
import { KeyNameBook } from '../records/key-names.js'
import type { ServerConnection } from '../connection/server-connection.js'
import type { InspectOptions } from './read-server-state.js'

/**
 * The locks of an engine without the catalogs of PostgreSQL: only those that are rows, their holders and their waiters.
 * Sessions of other programs, ages and sizes are unknown.
 */
export async function readPortableState(
  connection: ServerConnection,
  { names }: InspectOptions,
): Promise<ServerState> {
  const [version, rows] = await Promise.all([readVersion(connection), readDistributedRows(connection)])
  return {
    ...rows,
    server: {
      at: new Date(systemClock.instant().wall),
      product: 'PostgreSQL',
      version,
      database: connection.client.database ?? '',
      isStandby: false,
      lockTable: { used: 0, capacity: Infinity },
      connections: { used: 0, max: Infinity },
      hasKeyNames: false,
    },
    blockers: new Map(),
    announcements: [],
    names: new KeyNameBook(names),
  }
}
