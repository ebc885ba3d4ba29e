import { CAREFULLY } from '../../dialect/postgres/inspect-sql.js'
import { readServerState, type InspectOptions } from '../../dialect/postgres/postgres-inspect.js'
import type { ServerConnection } from '../../dialect/postgres/server-connection.js'
import { snapshotOf, type LockSnapshot } from '../../inspect/snapshot.js'
import { withServer, type ServerAddress } from '../server.js'
import type { Terminal } from '../terminal.js'

/** A connection that looks at locks, with the looks it can take. */
export interface Inspector {
  readonly connection: ServerConnection
  readonly look: (options?: Partial<InspectOptions>) => Promise<LockSnapshot>
}

export function withInspector(
  address: ServerAddress,
  terminal: Terminal,
  use: (inspector: Inspector) => Promise<number>,
): Promise<number> {
  return withServer(address, terminal, async (connection) => {
    await connection.query(CAREFULLY)
    return use({
      connection,
      look: async (options = {}) =>
        snapshotOf(await readServerState(connection, { everything: false, names: [], ...options })),
    })
  })
}
