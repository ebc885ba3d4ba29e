import pg from 'pg'
import { show } from '../../../base/options.js'
import type { Host } from '../connection/host.js'
import { hostParts, withHostAlone } from './url-hosts.js'

/**
 * Which of the servers will do: `primary` is one that is no standby; `read-write` is a primary whose sessions may write
 * unless they say otherwise; `any` is whichever answers, but a primary if one of them is.
 */
export type TargetSession = 'any' | 'primary' | 'read-write'

/** Where a server may be, in the order in which they were given, and which of them will do. */
export interface HostList {
  readonly hosts: readonly Host[]
  readonly target: TargetSession
}

/** Settings of `pg` for the first host, with the whole list beside them, under a name that `pg` does not see. */
export const HOSTS: unique symbol = Symbol('hosts')

/** The variables that say where the server is, as libpq has them. */
export type HostVariables = Readonly<Record<string, string | undefined>>

/** A list that is longer is none that somebody wrote by hand. */
const MOST_HOSTS = 32

/** What PostgreSQL is built with. */
const DEFAULT_PORT = 5432

const TARGETS: readonly TargetSession[] = ['any', 'primary', 'read-write']

/** What libpq knows besides, and where there are no locks. */
const WITHOUT_LOCKS: ReadonlySet<string> = new Set(['read-only', 'standby', 'prefer-standby'])

/** Wrong in what was given. Caught here. */
class HostProblem extends Error {}

type Settings = Readonly<Record<string | symbol, unknown>>

/**
 * Takes several hosts out of settings, as libpq documents them: `host` and `port` with commas, or as arrays, in a URL, in an
 * object, or in `PGHOST` and `PGPORT`; and `target_session_attrs`, or `PGTARGETSESSIONATTRS`. What is left are settings for the
 * first host, which `pg` understands. Settings with one host and nothing said about which will do stay as they are.
 *
 * Unlike libpq, an empty host in a list is refused: it would stand for a server on this machine, and locks there exclude nobody
 * elsewhere.
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

/** The list behind settings that have been split, or null if they have one host as `pg` understands it. */
export function hostsOf(settings: object): HostList | null {
  const list = (settings as { [HOSTS]?: HostList })[HOSTS]
  if (list === undefined) return null
  // Somebody may have taken such settings, and turned them to another server.
  const { connectionString, host, port } = settings as Record<string, unknown>
  const own = withHost({ connectionString, host, port }, list.hosts[0]!)
  return own['connectionString'] === connectionString && own['host'] === host && own['port'] === port
    ? list
    : null
}

/** The same settings for this host. A connection string wins over what stands beside it, so it is said in there. */
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

/** One for each host, or one for all. Empty ones are the usual one. */
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
      `has target_session_attrs=${value as string} in it, and a lock on a standby excludes nobody on the primary`,
    )
  throw new HostProblem(
    `has ${show(value)} as target_session_attrs, which must be ${TARGETS.map((each) => `"${each}"`).join(' or ')}`,
  )
}
