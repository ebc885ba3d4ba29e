import type { ConnectionOptions } from 'mysql2'
import { show } from '../../../base/options.js'
import { hostParts, withHostAlone } from '../../hosts/url-hosts.js'
import { splitHosts } from '../hosts/host-list.js'
import { DRIVER_SETTINGS, rightName } from './driver-settings.js'

/** The settings of `mysql2`, extended by lists of hosts. */
export interface MysqlSettings extends Omit<ConnectionOptions, 'uri' | 'host' | 'port'> {
  /**
   * The host or hosts: an array, or a text with commas. The pool tries them in this order, but the last primary first.
   */
  readonly host?: string | readonly string[] | undefined
  /** One port for all hosts, or one for each. */
  readonly port?: number | string | readonly (number | string)[] | undefined
  /**
   * Which server is suitable for locks. `primary`: one that is not read-only, is no replica and, if it is a Galera node, is
   * in the primary component. `read-write`: the same, but it may be a replica, such as the active server of two that
   * replicate each other. Default `primary`.
   */
  readonly target_session_attrs?: 'primary' | 'read-write' | undefined
}

/**
 * Where and how to connect: a URL (`mysql://user:password@host:3306/database`), or an object with settings of `mysql2`.
 * Both may name several hosts: `mysql://app@a:3306,b:3306/shop`.
 */
export type MysqlConfig = string | URL | Omit<ConnectionOptions, 'uri'> | MysqlSettings

/** Checked settings. `problem` says what is wrong with them, without the password; it is null if they can be used. */
export interface ReadConfig {
  /** The settings for the first host. `hostsOf` knows the others. */
  readonly config: ConnectionOptions
  readonly problem: string | null
}

type Settings = Readonly<Record<string, unknown>>

const USUAL_FORM = 'mysql://user@host:3306/database is the usual form'

const SCHEMES: ReadonlySet<string> = new Set(['mysql:', 'mariadb:'])

/**
 * Keepalive probes start after this much silence. Without them, only a heartbeat notices that a server has vanished.
 */
const KEEPALIVE_AFTER_MS = 10_000

/** Reads the given connection, or `DATABASE_URL`, or else connects to this machine. */
export function mysqlConfig(connection: MysqlConfig | undefined): ReadConfig {
  const fromEnvironment = process.env['DATABASE_URL'] || undefined
  const source = connection === undefined && fromEnvironment !== undefined ? 'DATABASE_URL' : '"connection"'
  const given: unknown = connection === undefined ? (fromEnvironment ?? {}) : connection
  if (typeof given === 'string' || given instanceof URL) return fromUrl(String(given), source)
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return wrong(`${source} must be a URL or an object, got ${show(given)}`)
  const settings = settingsIn(given)
  const problem = unknownIn(settings)
  return problem === null ? checked(settings, source) : wrong(`${source} ${problem}`)
}

/** Like the driver, this reads inherited settings too, and those under symbols that an earlier call has set. */
function settingsIn(given: object): Settings {
  const settings: Record<string, unknown> = { ...given }
  for (const name in given) settings[name] = (given as Settings)[name]
  return settings
}

function checked(settings: Settings, source: string): ReadConfig {
  const split = splitHosts(settings)
  if ('problem' in split) return wrong(`${source} ${split.problem}`)
  const problem = settingProblem(split.settings)
  if (problem !== null) return wrong(`${source}: ${problem}`)
  return { config: withDefaults(split.settings), problem: null }
}

function fromUrl(text: string, source: string): ReadConfig {
  const parts = hostParts(text)
  const isList = parts !== null && (parts.target !== '' || `${parts.host}${parts.port}`.includes(','))
  let url: URL
  try {
    // A URL can't have several hosts, so they are taken out of it.
    url = new URL(isList ? withHostAlone(text, 'localhost', 3306) : text)
  } catch {
    return wrong(`${source} can't be understood (not a URL): ${USUAL_FORM}`)
  }
  if (!SCHEMES.has(url.protocol))
    return wrong(`${source} can't be understood (${url.protocol} is not MySQL): ${USUAL_FORM}`)
  try {
    const settings = settingsOf(url)
    const other = [...url.searchParams.keys()].find(isOtherName)
    if (other !== undefined) return wrong(`${source} has "${other}" in it, ${knownAs(other)}`)
    if (!isList) return checked(settings, source)
    const { host, port, target } = parts
    return checked({ ...settings, host, port, target_session_attrs: target }, source)
  } catch {
    return wrong(`${source} can't be understood (its parts are not well encoded): ${USUAL_FORM}`)
  }
}

/** Settings that decide where a connection leads, and whether it is encrypted. */
const DECISIVE: ReadonlySet<string | undefined> = new Set([
  ...['host', 'port', 'socketPath', 'user', 'password', 'database', 'ssl', 'target_session_attrs'],
])

function isOtherName(name: string): boolean {
  return !DRIVER_SETTINGS.has(name) && DECISIVE.has(rightName(name))
}

/**
 * The driver parses parameters of a URL as JSON if possible, and so does this. Those that it does not know may be meant
 * for another program, and are left out.
 */
function settingsOf(url: URL): Settings {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const known = [...url.searchParams].filter(([name]) => DRIVER_SETTINGS.has(name))
  const parameters = Object.fromEntries(known.map(([name, value]) => [name, parsed(value)]))
  return {
    ...(host !== '' && { host: decodeURIComponent(host) }),
    ...(url.port !== '' && { port: Number(url.port) }),
    ...(url.username !== '' && { user: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    ...(url.pathname.length > 1 && { database: decodeURIComponent(url.pathname.slice(1)) }),
    ...parameters,
  }
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

/** Refuses settings of an object that the driver would ignore. */
function unknownIn(settings: Settings): string | null {
  for (const name of Object.keys(settings)) {
    if (DRIVER_SETTINGS.has(name) || settings[name] === undefined) continue
    if (/^(?:uri|url|connectionstring)$/i.test(name))
      return `has "${name}" in it: give the URL itself as "connection"`
    return `has ${show(name)} in it, ${knownAs(name)}`
  }
  return null
}

function knownAs(name: string): string {
  const right = rightName(name)
  return right === undefined ? 'which mysql2 does not know' : `which mysql2 knows as "${right}"`
}

const TEXTS = ['host', 'user', 'password', 'database', 'socketPath', 'localAddress', 'charset'] as const

/** Refuses settings with which the driver would throw later, or connect to another server. */
function settingProblem(settings: Settings): string | null {
  const isNothing = (value: unknown): boolean => value === undefined || value === null
  for (const name of TEXTS)
    if (!isNothing(settings[name]) && typeof settings[name] !== 'string')
      return `"${name}" must be a text, and is a ${typeof settings[name]}`
  const { port, ssl, stream } = settings
  const isPort = (typeof port === 'number' || typeof port === 'string') && /^\d+$/.test(String(port))
  if (!isNothing(port) && !(isPort && Number(port) >= 1 && Number(port) <= 65_535))
    return `"port" must be from 1 to 65535, got ${show(port)}`
  if (!isNothing(ssl) && ssl !== false && typeof ssl !== 'string' && typeof ssl !== 'object')
    return `"ssl" must be an object or the name of a profile, got ${show(ssl)}: {} checks the certificate`
  if (!isNothing(stream) && typeof stream !== 'function')
    return '"stream" must be a function that makes one for each connection'
  return null
}

function withDefaults(settings: Settings): ConnectionOptions {
  // Only lockpool reads it, and the driver warns of settings that it does not know.
  const { target_session_attrs: _, port, ...config } = settings
  return {
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_AFTER_MS,
    ...(port !== undefined && { port: Number(port) }),
    ...config,
  }
}

function wrong(problem: string): ReadConfig {
  return { config: {}, problem }
}
