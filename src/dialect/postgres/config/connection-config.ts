import pg from 'pg'
import { show } from '../../../base/options.js'
import { fateOf } from './driver-settings.js'
import { readGiven } from './given-connection.js'
import type { TargetSession } from '../../hosts/host-list.js'
import { HOSTS, hostsOf, splitHosts } from '../hosts/host-list.js'

/** The settings of `pg`, extended by lists of hosts as libpq has them. */
export interface PostgresSettings extends Omit<pg.ClientConfig, 'host' | 'port'> {
  /**
   * The host or hosts: an array, or a text with commas. The pool tries them in this order, but the last primary first.
   */
  readonly host?: string | readonly string[] | undefined
  /** One port for all hosts, or one for each. */
  readonly port?: number | string | readonly (number | string)[] | undefined
  /**
   * Which of the hosts is suitable: one that is not a standby (`primary`), one that also lets sessions write (`read-write`), or
   * `any`, with a preference for a primary. Locks need the primary. Default `primary` if there are several hosts.
   */
  readonly target_session_attrs?: TargetSession | undefined
}

/**
 * Where and how to connect: a connection string, a URL, or an object with settings of `pg` (`host`, `port`, `user`,
 * `database`, `password` as a value or a function, `ssl`, `options`, ...). It may name several hosts:
 * `postgres://a,b:5433/db?target_session_attrs=primary`.
 */
export type PostgresConfig = string | URL | pg.ClientConfig | PostgresSettings

/** Checked settings. `problem` says what is wrong with them, without the password; it is null if they can be used. */
export interface ReadConnection {
  readonly settings: Readonly<Record<string, unknown>>
  readonly problem: string | null
}

/**
 * Keepalive probes start after this much silence. Without them, only a heartbeat notices that a server has vanished.
 */
const KEEPALIVE_AFTER_MS = 10_000

const USUAL_FORM = 'postgres://user@host:5432/database is the usual form'

/**
 * Reads the given connection, or `DATABASE_URL`, or else the PG* variables, which `pg` reads itself. An empty variable
 * counts as not set.
 */
export function readConnection(connection: PostgresConfig | undefined): ReadConnection {
  const fromEnvironment = process.env['DATABASE_URL'] || undefined
  const isFromEnvironment = connection === undefined && fromEnvironment !== undefined
  const source = isFromEnvironment ? 'DATABASE_URL' : '"connection"'
  const given = readGiven(connection === undefined ? (fromEnvironment ?? {}) : connection)
  if ('problem' in given) return { settings: {}, problem: `${source} ${given.problem}` }
  const split = splitHosts(given.settings, process.env)
  if ('problem' in split) return { settings: {}, problem: `${source} ${split.problem}` }
  const { settings } = split
  const problem = stringProblem(settings) ?? settingProblem(settings) ?? driverProblem(settings)
  return { settings, problem: problem === null ? null : `${source}${problem}` }
}

/**
 * The settings for every connection, for the first host and with the list of hosts if there is one. Settings that do
 * not apply to connections of a lock pool are left out.
 */
export function clientConfig(
  settings: Readonly<Record<string, unknown>>,
  applicationName: string,
): pg.ClientConfig {
  const taken = Object.entries(settings).filter(([name]) => fateOf(name) !== 'left out')
  const { connectionString, ...config } = Object.fromEntries(taken)
  return {
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    application_name: applicationName,
    ...(typeof connectionString === 'string' && { connectionString: withPlainSslMode(connectionString) }),
    ...config,
    ...listed(settings),
    pipeline: true,
  }
}

/** The list of hosts, under a symbol that `pg` ignores. */
function listed(settings: object): object {
  const list = hostsOf(settings)
  return list === null ? {} : { [HOSTS]: list }
}

/**
 * Replaces these values of `sslmode` by `verify-full`. The driver already treats them like that, and warns that a later
 * version may not.
 */
function withPlainSslMode(url: string): string {
  if (/[?&]uselibpqcompat=true(?:[&#]|$)/.test(url)) return url
  return url.replaceAll(/(?<=[?&]sslmode=)(?:prefer|require|verify-ca)(?=[&#]|$)/g, 'verify-full')
}

/** Refuses strings that the driver misunderstands: it would connect to another server. */
function stringProblem({ connectionString: text, host }: Readonly<Record<string, unknown>>): string | null {
  if (text === undefined || text === null || (text === '' && typeof host === 'string')) return null
  if (typeof text !== 'string') return `: "connectionString" must be a text, got ${show(text)}`
  if (text === '') return ` can't be understood (it is empty): ${USUAL_FORM}`
  if (text.startsWith('/')) return null
  const [, scheme, slashes] = /^([a-z][a-z0-9+.-]*):(\/\/)?/i.exec(text) ?? []
  const isKnown = scheme !== undefined && /^(?:postgres(?:ql)?|pg|socket)$/i.test(scheme)
  if (!isKnown && slashes !== undefined)
    return ` can't be understood (${scheme}: is not PostgreSQL): ${USUAL_FORM}`
  // The driver would take it for a path, and connect to a host called "base".
  if (!isKnown) return ` can't be understood (not a URL): ${USUAL_FORM}`
  return queryProblem(text)
}

/** Refuses parameters of libpq that the driver ignores: the connection would lead to another server or database. */
function queryProblem(text: string): string | null {
  const query = new URLSearchParams(/\?([^#]*)/.exec(text)?.[1] ?? '')
  if (query.has('service')) return ' has "service" in it, and pg reads no service files'
  const [, host = '', database = ''] = /^[^:]+:\/\/(?:[^/?#]*@)?([^/?#]*)(?:\/([^?#]*))?/.exec(text) ?? []
  if (query.has('hostaddr') && host === '' && !query.has('host'))
    return ' has "hostaddr" in it, which pg knows as "host"'
  if (query.has('dbname') && database === '')
    return ' has "dbname" in it, and pg takes the database from the path of the URL'
  return null
}

const TEXTS = [
  'host',
  'user',
  'database',
  'options',
  'application_name',
  'fallback_application_name',
] as const

/** Refuses settings that would make the driver throw later, in the middle of a socket event. */
function settingProblem(settings: Readonly<Record<string, unknown>>): string | null {
  const isNothing = (value: unknown): boolean => value === undefined || value === null
  const wrong = (name: string, what: string): string =>
    `: "${name}" must be ${what}, got ${show(settings[name])}`
  for (const name of TEXTS)
    if (!isNothing(settings[name]) && typeof settings[name] !== 'string') return wrong(name, 'a text')
  const { password, types, stream, keepAliveInitialDelayMillis: delay, connection } = settings
  if (!isNothing(password) && typeof password !== 'string' && typeof password !== 'function')
    return `: "password" must be a text or a function, and is a ${typeof password}`
  if (!isNothing(types) && typeof (types as Partial<pg.CustomTypesConfig>).getTypeParser !== 'function')
    return wrong('types', 'an object with getTypeParser')
  if (!isNothing(stream) && typeof stream !== 'function')
    return wrong('stream', 'a function that makes one for each connection')
  if (!isNothing(delay) && typeof delay !== 'number') return wrong('keepAliveInitialDelayMillis', 'a number')
  if (!isNothing(connection)) return ' has "connection" in it: what is in there belongs one level higher'
  return null
}

/** The properties that are read from a client that never connects. */
interface Trial {
  readonly port: number
  readonly ssl: unknown
  readonly replication: string | boolean | undefined
}

/** The values that a server accepts for false. */
const NO = /^(?:f(?:a(?:l(?:se?)?)?)?|no?|off?|0)$/i

function driverProblem(settings: Readonly<Record<string, unknown>>): string | null {
  let trial: Trial
  try {
    // This opens no connection, but parses everything, including files of certificates. `stream` is left out because
    // the program's function might open something.
    const { stream: _, ...config } = clientConfig(settings, 'lockpool')
    trial = new pg.Client({ ...config, connection: {} } as pg.ClientConfig) as unknown as Trial
  } catch (error) {
    // The driver's own message may quote the whole string, and the error has it as a property.
    const code = (error as { code?: unknown }).code
    const detail =
      code === 'ERR_INVALID_URL' ? 'not a URL' : code === 'ENOENT' ? 'a file it names is missing' : 'unusable'
    return ` can't be understood (${detail}): ${USUAL_FORM}`
  }
  const { port, ssl, replication } = trial
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return ': the port is not one'
  if (typeof ssl !== 'boolean' && (typeof ssl !== 'object' || ssl === null))
    return `: "ssl" must be true, false or an object, got ${show(ssl)}`
  if (replication && !NO.test(String(replication)))
    return ': "replication" asks for a connection on which there are no locks'
  return null
}
