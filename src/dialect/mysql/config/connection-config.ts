import type { ConnectionOptions } from 'mysql2'
import { show } from '../../../base/options.js'

/**
 * Where and how to connect: a URL (`mysql://user:password@host:3306/database`), or an object with settings of `mysql2`.
 */
export type MysqlConfig = string | URL | Omit<ConnectionOptions, 'uri'>

/** Checked settings. `problem` says what is wrong with them, without the password; it is null if they can be used. */
export interface ReadConfig {
  readonly config: ConnectionOptions
  readonly problem: string | null
}

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
  if (typeof given !== 'object' || given === null)
    return wrong(`${source} must be a URL or an object, got ${show(given)}`)
  const settings = given as ConnectionOptions
  for (const name of ['host', 'user', 'password', 'database', 'socketPath'] as const)
    if (settings[name] !== undefined && typeof settings[name] !== 'string')
      return wrong(`${source}: "${name}" must be a text, and is a ${typeof settings[name]}`)
  return { config: withDefaults(settings), problem: null }
}

function fromUrl(text: string, source: string): ReadConfig {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return wrong(`${source} can't be understood (not a URL): ${USUAL_FORM}`)
  }
  if (!SCHEMES.has(url.protocol))
    return wrong(`${source} can't be understood (${url.protocol} is not MySQL): ${USUAL_FORM}`)
  try {
    return { config: withDefaults(settingsOf(url)), problem: null }
  } catch {
    return wrong(`${source} can't be understood (its parts are not well encoded): ${USUAL_FORM}`)
  }
}

/** The driver parses parameters of a URL as JSON if possible, and so does this. */
function settingsOf(url: URL): ConnectionOptions {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const parameters = Object.fromEntries([...url.searchParams].map(([name, value]) => [name, parsed(value)]))
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

function withDefaults(settings: ConnectionOptions): ConnectionOptions {
  return { enableKeepAlive: true, keepAliveInitialDelay: KEEPALIVE_AFTER_MS, ...settings }
}

function wrong(problem: string): ReadConfig {
  return { config: {}, problem }
}
