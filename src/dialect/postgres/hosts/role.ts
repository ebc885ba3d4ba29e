import type { ServerConnection } from '../connection/server-connection.js'
import type { TargetSession } from '../../hosts/host-list.js'
import type { Role } from '../../hosts/host-race.js'
import { ROLE } from './role-sql.js'

interface RoleRow {
  readonly is_standby: boolean
  readonly reads_only: boolean
}

/**
 * The role of the server. Since PostgreSQL 14 the server reports it when a session begins, and after each change. If no
 * report has arrived, as behind a pooler, this asks the server, unless every role is suitable.
 */
export async function roleOf(server: ServerConnection, target: TargetSession): Promise<Role> {
  const standby = server.reported('in_hot_standby')
  const readsOnly = server.reported('default_transaction_read_only')
  if (standby !== null && readsOnly !== null) return roleBy(standby === 'on', readsOnly === 'on')
  if (target === 'any') return 'primary'
  const { rows } = await server.query<RoleRow>(ROLE)
  return roleBy(rows[0]!.is_standby, rows[0]!.reads_only)
}

function roleBy(isStandby: boolean, readsOnly: boolean): Role {
  if (isStandby) return 'standby'
  return readsOnly ? 'read-only' : 'primary'
}
