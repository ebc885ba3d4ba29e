import pg from 'pg'
import { hostList, HostProblem, type HostList, type HostRules } from '../../hosts/host-list.js'
import type { Host } from '../../hosts/host.js'
import { hostParts, withHostAlone } from '../../hosts/url-hosts.js'

/**
 * The property of `pg` settings that holds the whole list of hosts. The settings themselves are for the first host.
 * `pg` ignores symbols.
 */
export const HOSTS: unique symbol = Symbol('hosts')

/** The environment variables of libpq that say where the server is. */
export type HostVariables = Readonly<Record<string, string | undefined>>

/** The values that libpq documents, as far as they lead to locks. */
const RULES: Omit<HostRules, 'defaultHost'> = {
  defaultPort: 5432,
  targets: ['any', 'primary', 'read-write'],
  takesPaths: true,
}

type Settings = Readonly<Record<string | symbol, unknown>>

/**
 * Extracts several hosts from settings, in the forms that libpq documents: `host` and `port` with commas, or as arrays,
 * in a URL, in an object, or in `PGHOST` and `PGPORT`; and `target_session_attrs`, or `PGTARGETSESSIONATTRS`. The
 * resulting settings are for the first host, in a form that `pg` understands. Settings with one host and without
 * `target_session_attrs` stay unchanged.
 */
export function splitHosts(
  settings: Settings,
  environment: HostVariables,
): { readonly settings: Settings } | { readonly problem: string } {
  try {
    const list = hostListIn(settings, environment)
    if (list === null) return { settings }
    return { settings: { ...withHost(settings, list.hosts[0]!), [HOSTS]: list } }
  } catch (error) {
    if (error instanceof HostProblem) return { problem: error.message }
    throw error
  }
}

/** The list that `splitHosts` has attached to settings, or null if they have a single host. */
export function hostsOf(settings: object): HostList | null {
  const list = (settings as { [HOSTS]?: HostList })[HOSTS]
  if (list === undefined) return null
  // The caller may have copied such settings and then changed the server.
  const { connectionString, host, port } = settings as Record<string, unknown>
  const own = withHost({ connectionString, host, port }, list.hosts[0]!)
  return own['connectionString'] === connectionString && own['host'] === host && own['port'] === port
    ? list
    : null
}

/**
 * The same settings for this host. `pg` prefers a connection string to the other settings, so the string changes if
 * there is one.
 */
export function withHost<S extends Settings>(settings: S, { host, port }: Host): S {
  const { connectionString } = settings
  if (typeof connectionString !== 'string' || connectionString === '') return { ...settings, host, port }
  const text = withHostAlone(connectionString, host, port)
  return connectionString.startsWith('/')
    ? { ...settings, connectionString: text, port }
    : { ...settings, connectionString: text }
}

function hostListIn(settings: Settings, environment: HostVariables): HostList | null {
  if (hostsOf(settings) !== null) return hostsOf(settings)
  const { connectionString } = settings
  const isText = typeof connectionString === 'string' && connectionString !== ''
  const said = isText
    ? hostParts(connectionString)
    : { host: settings['host'], port: settings['port'], target: settings['target_session_attrs'] }
  if (said === null) return null
  return hostList(
    {
      host: said.host || environment['PGHOST'],
      port: said.port || environment['PGPORT'],
      target: said.target || settings['target_session_attrs'] || environment['PGTARGETSESSIONATTRS'],
    },
    { ...RULES, defaultHost: pg.defaults.host! },
  )
}
