import type { OwnRecord, ServerConnection } from '../connection/server-connection.js'
import { errorNumber, isDenied } from '../connection/server-errors.js'
import { REPLICATION, ROLE_STATUS, ROLE_VARIABLES } from './role-sql.js'

/** What decides whether locks of a server exclude holders on other servers. */
export interface ServerRole {
  readonly isReadOnly: boolean
  /** Whether it is a node of a Galera cluster. */
  readonly isCluster: boolean
  /** Whether it is a Galera node that serves no statements, because it is not in the primary component. */
  readonly isDetached: boolean
  /** The server whose changes it applies, or null. For a Galera node this is not asked. */
  readonly replicaOf: string | null
  /** What could not be checked, or null. */
  readonly unchecked: string | null
}

const SYNTAX_ERROR = 1064

/** Reads the role with statements that every server answers, also one that refuses all others. */
export async function roleOf(server: ServerConnection): Promise<ServerRole> {
  const variables = new Map((await server.say(ROLE_VARIABLES)).map(([name, value]) => [name, String(value)]))
  const status = new Map((await server.say(ROLE_STATUS)).map(([name, value]) => [name, String(value)]))
  const isOn = (name: string): boolean => /^(?:on|1)$/i.test(variables.get(name) ?? '')
  const isReadOnly = ['read_only', 'super_read_only', 'innodb_read_only'].some(isOn)
  const isCluster = isOn('wsrep_on')
  const isReady = status.get('wsrep_ready') === 'ON' && status.get('wsrep_cluster_status') === 'Primary'
  const isAsked = !isCluster && !isReadOnly
  return {
    isReadOnly,
    isCluster,
    isDetached: isCluster && !isReady,
    ...(isAsked ? await replication(server, status) : { replicaOf: null, unchecked: null }),
  }
}

type Replication = Pick<ServerRole, 'replicaOf' | 'unchecked'>

/** A server that has been set up as a replica and is stopped may be a promoted one, so it is not a replica. */
async function replication(
  server: ServerConnection,
  status: ReadonlyMap<unknown, string>,
): Promise<Replication> {
  try {
    const channels = await channelsOf(server)
    const running = channels.find((channel) => runs(channel, 'IO') || runs(channel, 'SQL'))
    return { replicaOf: running === undefined ? null : sourceOf(running), unchecked: null }
  } catch (error) {
    if (!isDenied(error)) throw error
    return withoutPrivilege(server, status.get('Slaves_running'))
  }
}

async function channelsOf(server: ServerConnection): Promise<readonly OwnRecord[]> {
  if (server.isMariaDb) return server.records(REPLICATION.mariadb)
  try {
    return await server.records(REPLICATION.mysql)
  } catch (error) {
    if (errorNumber(error) !== SYNTAX_ERROR) throw error
    return server.records(REPLICATION.oldMysql)
  }
}

function runs(channel: OwnRecord, thread: 'IO' | 'SQL'): boolean {
  const state = channel[`Replica_${thread}_Running`] ?? channel[`Slave_${thread}_Running`]
  return state !== undefined && state !== null && state !== 'No'
}

function sourceOf(channel: OwnRecord): string {
  const host = channel['Source_Host'] ?? channel['Master_Host']
  return `${host}:${channel['Source_Port'] ?? channel['Master_Port']}`
}

/** MariaDB counts the channels that run in a variable that every user may read. */
function withoutPrivilege({ isMariaDb }: ServerConnection, running: string | undefined): Replication {
  if (Number(running ?? 0) > 0) return { replicaOf: 'another server', unchecked: null }
  const privilege = isMariaDb ? 'SLAVE MONITOR' : 'REPLICATION CLIENT'
  return {
    replicaOf: null,
    unchecked: isMariaDb
      ? null
      : `whether this server is a replica, where a lock does not exclude holders on the primary, was not checked: this user lacks ${privilege}`,
  }
}

/** Why a server with this role is not suitable, or null. `mayReplicate`: the user accepts a replica that takes writes. */
export function unsuitable(role: ServerRole, mayReplicate: boolean): string | null {
  if (role.isDetached) return 'this Galera node is not in the primary component'
  if (role.isReadOnly) return 'this server is read-only'
  if (role.replicaOf === null || mayReplicate) return null
  return `this server is a replica of ${role.replicaOf}`
}
