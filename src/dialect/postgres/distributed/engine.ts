import type { ServerConnection } from '../connection/server-connection.js'
import { ENGINE } from './member-sql.js'

/** How rows are written: with everything that PostgreSQL has, or in SQL that distributed engines share. */
export type Engine = 'postgres' | 'distributed'

const NAMES = /cockroach|-YB-|yugabyte/i

/** Asks the server which engine it is, unless the connection shows that already. */
export async function findEngine(connection: ServerConnection): Promise<Engine> {
  if (connection.isPortable) return 'distributed'
  const { rows } = await connection.query<{ version: string }>(ENGINE)
  return isDistributed(rows[0]?.version) ? 'distributed' : 'postgres'
}

/** Whether a server that calls itself so is CockroachDB or YugabyteDB. */
export function isDistributed(version: string | undefined): boolean {
  return NAMES.test(version ?? '')
}
