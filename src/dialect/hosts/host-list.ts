import { show } from '../../base/options.js'
import type { Host } from './host.js'

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

/** What the settings say about the server. Each may be missing; hosts and ports may be lists. */
export interface GivenHosts {
  readonly host: unknown
  readonly port: unknown
  readonly target: unknown
}

/** What differs between databases. */
export interface HostRules {
  readonly defaultHost: string
  readonly defaultPort: number
  readonly targets: readonly TargetSession[]
  /** Whether a host may be the directory of a Unix socket. */
  readonly takesPaths: boolean
}

/** The maximum number of hosts. No list written by hand is longer. */
const MOST_HOSTS = 32

/** Other values of libpq's option. With them, connections go to servers that have no locks. */
const WITHOUT_LOCKS: ReadonlySet<string> = new Set(['read-only', 'standby', 'prefer-standby'])

/** The given hosts are wrong. */
export class HostProblem extends Error {}

/**
 * Reads hosts and ports, with commas or as arrays. Null if they are a single host and no target is given.
 *
 * Unlike libpq, this refuses an empty host in a list. It would mean a server on this machine, and a lock there would
 * not exclude holders on other machines.
 *
 * @throws {HostProblem}
 */
export function hostList({ host, port, target: given }: GivenHosts, rules: HostRules): HostList | null {
  const target = targetOf(given, rules)
  if (!isSeveral(host) && !isSeveral(port) && target === null) return null
  const names = itemsOf(host || rules.defaultHost, 'host')
  if (names.length > MOST_HOSTS)
    throw new HostProblem(`has ${names.length} hosts, and may have ${MOST_HOSTS}`)
  const ports = portsOf(port, names.length, rules)
  const hosts = names.map((name, i) => ({ host: nameOf(name, names.length, rules), port: ports[i]! }))
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

function nameOf(name: string, count: number, { takesPaths }: HostRules): string {
  if (name === '')
    throw new HostProblem(
      `has an empty host in its list of ${count}, which would be a server on this machine`,
    )
  const bare = /^\[(.*)\]$/.exec(name)?.[1] ?? name
  if (/[\s@?#]/.test(bare) || (!takesPaths && bare.includes('/')))
    throw new HostProblem(`has ${show(bare)} in its list of hosts, which is no host`)
  if (!bare.startsWith('/') && /^[^:]+:\d+$/.test(bare))
    throw new HostProblem(
      `has ${show(bare)} in its list of hosts: ports belong into "port", in the same order`,
    )
  return bare
}

/** One port for each host. A single given port applies to all hosts, and an empty one means the default port. */
function portsOf(value: unknown, count: number, { defaultPort }: HostRules): readonly number[] {
  const isNothing = value === undefined || value === null || value === ''
  const items = isNothing ? [''] : itemsOf(value, 'port')
  if (items.length !== 1 && items.length !== count)
    throw new HostProblem(`has ${items.length} ports for ${count === 1 ? 'one host' : `${count} hosts`}`)
  const ports = items.map((item) => {
    const port = item === '' ? defaultPort : Number(item)
    if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
    throw new HostProblem(`has ${show(item)} in its list of ports, which is no port`)
  })
  return ports.length === count ? ports : Array.from({ length: count }, () => ports[0]!)
}

function targetOf(value: unknown, { targets }: HostRules): TargetSession | null {
  if (value === undefined || value === null || value === '') return null
  if (targets.includes(value as TargetSession)) return value as TargetSession
  if (WITHOUT_LOCKS.has(value as string))
    throw new HostProblem(
      `has target_session_attrs=${value as string} in it, and a lock on a standby does not exclude holders on the primary`,
    )
  throw new HostProblem(
    `has ${show(value)} as target_session_attrs, which must be ${targets.map((each) => `"${each}"`).join(' or ')}`,
  )
}
