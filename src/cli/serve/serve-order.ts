import { isIPv4 } from 'node:net'
import { LOOPBACK_HOSTS } from '../../dashboard/dashboard-options.js'
import type { Invocation } from '../command.js'
import { CONNECTION_FLAGS } from '../connection.js'
import { DURATION_IN_WORDS, parseDuration } from '../durations.js'
import { choiceFlag, countFlag, textFlag, toggle, type Flag } from '../flags.js'
import { UsageError } from '../usage-error.js'

const DEFAULT_LISTEN = '127.0.0.1:6543'
const DEFAULT_PORT = 6543
const DEFAULT_MAX = 5
const DEFAULT_MAX_CLIENTS = 10_000
const DEFAULT_LEASE_MS = 60_000
const DEFAULT_GRACE_MS = 10_000
const DEFAULT_LOGIN_MS = 10_000

type Others =
  { readonly kind: 'refuse' } | { readonly kind: 'pass' } | { readonly kind: 'url'; readonly url: string }

function duration(words: Pick<Flag<number>, 'meaning' | 'default'>): Flag<number> {
  return { ...words, value: 'DURATION', expects: DURATION_IN_WORDS, read: parseDuration }
}

export type ServeFlags = typeof CONNECTION_FLAGS &
  Readonly<Record<'listen' | 'users' | 'auth-query' | 'tls-cert' | 'tls-key' | 'metrics', Flag<string>>> &
  Readonly<
    Record<'max' | 'max-clients' | 'lease' | 'grace' | 'login-timeout' | 'idle-timeout', Flag<number>>
  > &
  Readonly<Record<'trust' | 'strict' | 'dev' | 'json', Flag<true>>> & {
    readonly others: Flag<Others>
    readonly unknown: Flag<'refuse' | 'pin'>
  }

export const SERVE_FLAGS: ServeFlags = {
  listen: textFlag('ADDRESS:PORT', {
    meaning: 'where clients connect; port 0 takes any free port',
    default: DEFAULT_LISTEN,
  }),
  max: countFlag({ meaning: 'the most server connections for locks', default: String(DEFAULT_MAX) }, 1, 1000),
  'max-clients': countFlag(
    { meaning: 'the most clients at once', default: String(DEFAULT_MAX_CLIENTS) },
    1,
    1_000_000,
  ),
  users: textFlag('FILE', {
    meaning: 'who may log in: lines "name" "password or SCRAM verifier", as in auth_file of PgBouncer',
  }),
  trust: toggle({ meaning: 'any user may log in without a password; only on a loopback address' }),
  'tls-cert': textFlag('FILE', { meaning: 'certificate chain (PEM), for clients that ask for TLS' }),
  'auth-query': textFlag('SQL', {
    meaning:
      'a statement that returns name and secret of the user $1, for names that --users does not have, as auth_query of PgBouncer',
  }),
  'tls-key': textFlag('FILE', { meaning: 'its private key (PEM)' }),
  others: {
    value: 'refuse|pass|URL',
    meaning:
      'what happens to statements that are not about locks: refused, passed on over connections of this program, or passed on to the database or pooler at URL',
    default: 'refuse',
    expects: 'refuse, pass, or a URL that begins with postgres://',
    choices: ['refuse', 'pass'],
    read: readOthers,
  },
  unknown: choiceFlag('refuse|pin', ['refuse', 'pin'], {
    meaning:
      'what happens to a statement that may use advisory locks in a way that is not known: refused, or run on a connection that the client then keeps (needs --others pass or URL)',
    default: 'refuse',
  }),
  lease: duration({
    meaning: 'how long the server keeps the locks of a front that is silent',
    default: '60s',
  }),
  strict: toggle({ meaning: 'no overlap even if the server releases a lock early: see "strict"' }),
  grace: duration({ meaning: 'how long clients that hold locks may finish after SIGTERM', default: '10s' }),
  'login-timeout': duration({ meaning: 'how long a client may take to log in', default: '10s' }),
  'idle-timeout': duration({ meaning: 'how long a client may be silent', default: 'no limit' }),
  metrics: textFlag('ADDRESS:PORT', {
    meaning: 'where Prometheus finds /metrics, without a password',
    default: 'nowhere',
  }),
  dev: toggle({ meaning: 'start a temporary PostgreSQL, which ends with this program; implies --trust' }),
  ...CONNECTION_FLAGS,
  json: toggle({ meaning: 'print where it listens as one JSON object' }),
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** The options of `lockpool serve`, with defaults filled in. */
export interface ServeOrder {
  readonly host: string
  readonly port: number
  readonly max: number
  readonly maxClients: number
  /** Without a file and without a query, the front trusts every client. */
  readonly usersFile: string | null
  readonly authQuery: string | null
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
  readonly others: Others
  readonly mayPin: boolean
  readonly leaseMs: number
  readonly isStrict: boolean
  readonly graceMs: number
  readonly loginTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Where metrics are available; null for nowhere. */
  readonly metrics: Address | null
  readonly isDev: boolean
  readonly isJson: boolean
  readonly url: string | undefined
  readonly namespace: string
}

/** @throws {UsageError} */
export function readServeOrder({
  flags,
  args,
  rest,
}: Pick<Invocation<ServeFlags>, 'flags' | 'args' | 'rest'>): ServeOrder {
  if (args.length > 0 || rest !== null) throw new UsageError('lockpool serve takes no arguments')
  const { host, port } = readAddress('--listen', flags.listen ?? DEFAULT_LISTEN)
  const isDev = flags.dev === true
  const knowsUsers = flags.users !== undefined || flags['auth-query'] !== undefined
  const isTrusting = flags.trust === true || (isDev && !knowsUsers)
  if (isDev && flags.url !== undefined) throw new UsageError('--dev starts its own database: leave out --url')
  checkWhoMayLogIn(host, isTrusting, knowsUsers)
  const others = flags.others ?? { kind: 'refuse' }
  const mayPin = flags.unknown === 'pin'
  if (mayPin && others.kind === 'refuse') throw new UsageError('--unknown pin needs --others pass or URL')
  const leaseMs = flags.lease ?? DEFAULT_LEASE_MS
  if (leaseMs < 1000) throw new UsageError('--lease must be at least 1s')
  return {
    host,
    port,
    max: flags.max ?? DEFAULT_MAX,
    maxClients: flags['max-clients'] ?? DEFAULT_MAX_CLIENTS,
    usersFile: flags.users ?? null,
    authQuery: flags['auth-query'] ?? null,
    tls: readTls(flags['tls-cert'], flags['tls-key']),
    others,
    mayPin,
    leaseMs,
    isStrict: flags.strict === true,
    graceMs: flags.grace ?? DEFAULT_GRACE_MS,
    loginTimeoutMs: flags['login-timeout'] || DEFAULT_LOGIN_MS,
    idleTimeoutMs: flags['idle-timeout'] || Infinity,
    metrics: flags.metrics === undefined ? null : readAddress('--metrics', flags.metrics),
    isDev,
    isJson: flags.json === true,
    url: flags.url,
    namespace: flags.namespace ?? '',
  }
}

function readOthers(text: string): Others | null {
  if (text === 'refuse' || text === 'pass') return { kind: text }
  return /^postgres(?:ql)?:\/\//.test(text) ? { kind: 'url', url: text } : null
}

function readTls(certFile: string | undefined, keyFile: string | undefined): ServeOrder['tls'] {
  if (certFile === undefined && keyFile === undefined) return null
  if (certFile === undefined || keyFile === undefined)
    throw new UsageError('--tls-cert and --tls-key go together')
  return { certFile, keyFile }
}

/** @throws {UsageError} */
function checkWhoMayLogIn(host: string, isTrusting: boolean, knowsUsers: boolean): void {
  if (isTrusting && knowsUsers) throw new UsageError('--trust excludes --users and --auth-query')
  if (!isTrusting && !knowsUsers)
    throw new UsageError('who may log in? --users FILE or --auth-query SQL, or on a loopback address --trust')
  const shown = host.includes(':') ? `[${host}]` : host
  if (isTrusting && !LOOPBACK_HOSTS.includes(shown) && !(isIPv4(host) && host.startsWith('127.')))
    throw new UsageError(`--trust is for loopback addresses only, and ${host} is none: use --users FILE`)
}

/** `127.0.0.1:6543`, `[::1]:6543`, `:6543`, `6543`, or an address alone. @throws {UsageError} */
function readAddress(flag: string, text: string): Address {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text)
  if (parts === null) throw new UsageError(`${flag} takes ADDRESS:PORT, not ${JSON.stringify(text)}`)
  const [, bracketed, plain, given] = parts
  if (given === undefined && /^\d{1,5}$/.test(plain ?? ''))
    return { host: '127.0.0.1', port: checkPort(flag, plain!) }
  const host = bracketed ?? (plain === '' ? '127.0.0.1' : plain!)
  return { host, port: given === undefined ? DEFAULT_PORT : checkPort(flag, given) }
}

function checkPort(flag: string, text: string): number {
  const port = Number(text)
  if (port > 65_535) throw new UsageError(`${flag}: ${text} is no port`)
  return port
}
