import pg from 'pg'
import { show } from '../../../base/options.js'
import type { Host } from '../connection/host.js'
import { hostParts, withHostAlone } from './url-hosts.js'

/**
 * Which servers are suitable: `primary` is a server that is not a standby; `read-write` is a primary whose sessions may
 * write by default; `any` is any server that answers, with a preference for a primary.
 */
export type TargetSession = 'any' | 'primary' | 'read-write'

/** The hosts in the order in which the user listed them, and which of them are suitable. */
export interface HostList {
  readonly hosts: readonly Host[]
  readonly target: TargetSession
}

/**
 * The property of `pg` settings that holds the whole list of hosts. The settings themselves are for the first host.
 * `pg` ignores symbols.
 */
export const HOSTS: unique symbol = Symbol('hosts')

/** The environment variables of libpq that say where the server is. */
export type HostVariables = Readonly<Record<string, string | undefined>>

/** The maximum number of hosts. No list written by hand is longer. */
const MOST_HOSTS = 32

/** PostgreSQL's default port. */
const DEFAULT_PORT = 5432

const TARGETS: readonly TargetSession[] = ['any', 'primary', 'read-write']

/** Other values of libpq's option. With them, connections go to servers that have no locks. */
const WITHOUT_LOCKS: ReadonlySet<string> = new Set(['read-only', 'standby', 'prefer-standby'])

/** The given hosts are wrong. `splitHosts` catches it. */
class HostProblem extends Error {}

type Settings = Readonly<Record<string | symbol, unknown>>

/**
 * Extracts several hosts from settings, in the forms that libpq documents: `host` and `port` with commas, or as arrays,
 * in a URL, in an object, or in `PGHOST` and `PGPORT`; and `target_session_attrs`, or `PGTARGETSESSIONATTRS`. The
 * resulting settings are for the first host, in a form that `pg` understands. Settings with one host and without
 * `target_session_attrs` stay unchanged.
 *
 * Unlike libpq, this refuses an empty host in a list. It would mean a server on this machine, and a lock there would
 * not exclude holders on other machines.
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
  const target = targetOf(
    said.target || settings['target_session_attrs'] || environment['PGTARGETSESSIONATTRS'],
  )
  const host = said.host || environment['PGHOST']
  const port = said.port || environment['PGPORT']
  const isList = isSeveral(host) || isSeveral(port)
  if (!isList && target === null) return null
  const names = itemsOf(host || pg.defaults.host, 'host')
  if (names.length > MOST_HOSTS)
    throw new HostProblem(`has ${names.length} hosts, and may have ${MOST_HOSTS}`)
  const ports = portsOf(port, names.length)
  const hosts = names.map((name, i) => ({ host: nameOf(name, names.length), port: ports[i]! }))
  return { hosts, target: target ?? 'primary' }
}

function isSeveral(value: unknown): boolean {
  return Array.isArray(value) || (typeof value === 'string' && value.includes(','))
}

function itemsOf(value: unknown, what: string): readonly string[] {
  const items = Array.isArray(value) ? (value as unknown[]) : String(value).split(',')
  if (items.length === 0) throw new HostProblem(`has an empty list as "${what}"`)
  return items.map((item) => {
    if (typeof item === 'string' || (what === 'port' && typeof item === 'number')) return String(item).trim()
    throw new HostProblem(`has ${show(item)} in its list of ${what}s`)
  })
}

function nameOf(name: string, count: number): string {
  if (name === '')
    throw new HostProblem(
      `has an empty host in its list of ${count}, which would be a server on this machine`,
    )
  const bare = /^\[(.*)\]$/.exec(name)?.[1] ?? name
  if (/[\s@?#]/.test(bare)) throw new HostProblem(`has ${show(bare)} in its list of hosts, which is no host`)
  if (!bare.startsWith('/') && /^[^:]+:\d+$/.test(bare))
    throw new HostProblem(
      `has ${show(bare)} in its list of hosts: ports belong into "port", in the same order`,
    )
  return bare
}

/** One port for each host. A single given port applies to all hosts, and an empty one means the default port. */
function portsOf(value: unknown, count: number): readonly number[] {
  const isNothing = value === undefined || value === null || value === ''
  const items = isNothing ? [''] : itemsOf(value, 'port')
  if (items.length !== 1 && items.length !== count)
    throw new HostProblem(`has ${items.length} ports for ${count === 1 ? 'one host' : `${count} hosts`}`)
  const ports = items.map((item) => {
    const port = item === '' ? DEFAULT_PORT : Number(item)
    if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
    throw new HostProblem(`has ${show(item)} in its list of ports, which is no port`)
  })
  return ports.length === count ? ports : Array.from({ length: count }, () => ports[0]!)
}

function targetOf(value: unknown): TargetSession | null {
  if (value === undefined || value === null || value === '') return null
  if (TARGETS.includes(value as TargetSession)) return value as TargetSession
  if (WITHOUT_LOCKS.has(value as string))
    throw new HostProblem(
      `has target_session_attrs=${value as string} in it, and a lock on a standby does not exclude holders on the primary`,
    )
  throw new HostProblem(
    `has ${show(value)} as target_session_attrs, which must be ${TARGETS.map((each) => `"${each}"`).join(' or ')}`,
  )
}
