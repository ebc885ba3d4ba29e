import type { ConnectionOptions } from 'mysql2'
import { hostList, HostProblem, type HostList, type HostRules } from '../../hosts/host-list.js'

/** The property of settings that holds the whole list of hosts. `mysql2` ignores symbols. */
const HOSTS: unique symbol = Symbol('hosts')

const RULES: HostRules = {
  defaultHost: 'localhost',
  defaultPort: 3306,
  targets: ['primary', 'read-write'],
  takesPaths: false,
}

type Settings = Readonly<Record<string | symbol, unknown>>

/**
 * Extracts several hosts from settings, in the forms of the PostgreSQL side. The resulting settings are for the first
 * host. Settings with one host and without `target_session_attrs` stay unchanged.
 */
export function splitHosts(
  settings: Settings,
): { readonly settings: Settings } | { readonly problem: string } {
  if (hostsOf(settings) !== null) return { settings }
  const { host, port, target_session_attrs: target, socketPath } = settings
  try {
    const list = hostList({ host, port, target }, RULES)
    if (list === null) return { settings }
    if (list.hosts.length > 1 && socketPath !== undefined)
      return { problem: 'has "socketPath" and several hosts in it: a socket leads to one server' }
    return { settings: { ...settings, ...list.hosts[0]!, [HOSTS]: list } }
  } catch (error) {
    if (error instanceof HostProblem) return { problem: error.message }
    throw error
  }
}

/** The list that `splitHosts` has attached to settings, or null if they have a single host without a target. */
export function hostsOf(settings: Settings | ConnectionOptions): HostList | null {
  const { [HOSTS]: list, host, port } = settings as { [HOSTS]?: HostList; host?: unknown; port?: unknown }
  if (list === undefined) return null
  // The caller may have copied such settings and then changed the server.
  return list.hosts[0]!.host === host && list.hosts[0]!.port === port ? list : null
}

/** Whether the user accepts a server that takes writes and is a replica as well. */
export function mayReplicate(settings: ConnectionOptions): boolean {
  return (settings as { [HOSTS]?: HostList })[HOSTS]?.target === 'read-write'
}
