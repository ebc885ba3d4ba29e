/**
 * Tables of the errors after which the same attempt may succeed later without any change by the caller. There is one
 * table for each source of errors: the server, Node and the driver. An unknown error counts as retryable: another
 * attempt costs little, and giving up for good may cost much.
 */

interface StateClass {
  /** The name of the class in the SQL standard, for readers of this table. */
  readonly means: string
  readonly isWorth: boolean
  /** Codes of the class that are exceptions: for them the opposite of `isWorth` holds. */
  readonly but?: readonly string[]
}

const state = (means: string, isWorth: boolean, ...but: string[]): StateClass => ({ means, isWorth, but })

/**
 * All error classes of PostgreSQL, by the first two characters of the SQLSTATE.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const STATE_CLASSES: Readonly<Record<string, StateClass>> = {
  '03': state('SQL statement not yet complete', false),
  // Poolers use 08P01 for every error, also for a request that waited in their queue for too long.
  '08': state('connection exception', true),
  '09': state('triggered action exception', false),
  '0A': state('feature not supported', false),
  '0B': state('invalid transaction initiation', false),
  '0F': state('locator exception', false),
  '0L': state('invalid grantor', false),
  '0P': state('invalid role specification', false),
  '0Z': state('diagnostics exception', false),
  '10': state('XQuery error', false),
  '20': state('case not found', false),
  '21': state('cardinality violation', false),
  '22': state('data exception', false),
  '23': state('integrity constraint violation', false),
  '24': state('invalid cursor state', false),
  // 25006 (read-only) comes from a standby, and a failover ends that. 25P03 and 25P04 are timeouts that ended the
  // session; neither is an error of the statement itself.
  '25': state('invalid transaction state', false, '25006', '25P03', '25P04'),
  // A pooler has switched server sessions, or the statement was deallocated. Another connection has it.
  '26': state('invalid SQL statement name', true),
  '27': state('triggered data change violation', false),
  '28': state('invalid authorization specification', false),
  '2B': state('dependent privilege descriptors still exist', false),
  '2D': state('invalid transaction termination', false),
  '2F': state('SQL routine exception', false),
  '34': state('invalid cursor name', false),
  '38': state('external routine exception', false),
  '39': state('external routine invocation exception', false),
  '3B': state('savepoint exception', false),
  '3D': state('invalid catalog name', false),
  '3F': state('invalid schema name', false),
  '40': state('transaction rollback', true, '40002'),
  '42': state('syntax error or access rule violation', false),
  '44': state('violation of a check option', false),
  '53': state('insufficient resources', true, '53400'),
  // 54000: the queue of notifications is full. That ends when the slowest listener has read its notifications.
  '54': state('program limit exceeded', false, '54000'),
  '55': state('object not in prerequisite state', true, '55P02', '55P04'),
  // 57P04: the database was dropped.
  '57': state('operator intervention', true, '57P04'),
  '58': state('system error', true, '58P01', '58P02', '58P03'),
  '72': state('snapshot failure', true),
  F0: state('configuration file error', false),
  HV: state('foreign data wrapper error', false, 'HV00N'),
  P0: state('PL/pgSQL error', false),
  // XX001 and XX002: data or an index are corrupted.
  XX: state('internal error', true, 'XX001', 'XX002'),
}

/**
 * Error codes of Node for permanent errors: an unsupported kind of address or path, or a missing permission. An unknown
 * host name is not permanent: names of containers come and go with the containers, and the path of a socket with its
 * server.
 */
const HOPELESS_CODES: ReadonlySet<string> = new Set([
  ...['EACCES', 'EPERM', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EINVAL', 'ENAMETOOLONG', 'ENOTDIR', 'ELOOP'],
  // The server's answer to the TLS handshake was not TLS.
  'EPROTO',
  ...['ENOTSOCK', 'EPROTOTYPE', 'ERR_SOCKET_BAD_PORT', 'ERR_INVALID_IP_ADDRESS'],
])

/** Errors of certificates, with the names that OpenSSL and Node give them. */
const CERTIFICATE =
  /^(?:CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH$|INVALID_(?:CA|PURPOSE)$|PATH_LENGTH_|ERR_TLS_CERT_|ERROR_IN_(?:CERT|CRL)_)/

/** The two sides have no TLS settings in common, or a key can't be read, or an argument has a wrong type. */
const HOPELESS_KIND = /^ERR_(?:SSL|OSSL|TLS|CRYPTO|INVALID|UNKNOWN)_/

const HANDSHAKE_TIMEOUT = 'ERR_TLS_HANDSHAKE_TIMEOUT'

/** How messages of the driver begin that have no code and mean a permanent error. */
const HOPELESS_MESSAGES: readonly string[] = [
  'The server does not support SSL connections',
  // The password is missing or of a wrong type, the two sides have no SASL mechanism in common, or the server can't
  // prove that it knows the password.
  'SASL: ',
  'Password must be a string',
  // The server demands Kerberos, for example.
  'Unknown authenticationOk message type',
  'Invalid sslnegotiation',
]

/** Whether the same attempt may succeed later. */
export function isWorthRetrying(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.some(isWorthRetrying)
  // The program has passed a value that can't be handled.
  if (error instanceof TypeError || error instanceof RangeError) return false
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code !== 'string') return !isHopelessMessage(error)
  const stateClass = isState(code) ? STATE_CLASSES[code.slice(0, 2)] : undefined
  if (stateClass !== undefined) return stateClass.isWorth !== (stateClass.but?.includes(code) ?? false)
  if (code === HANDSHAKE_TIMEOUT) return true
  return !HOPELESS_CODES.has(code) && !CERTIFICATE.test(code) && !HOPELESS_KIND.test(code)
}

function isHopelessMessage(error: unknown): boolean {
  const message = error instanceof Error ? error.message : ''
  return HOPELESS_MESSAGES.some((beginning) => message.startsWith(beginning))
}

/** Node also has codes of five letters, such as `EPIPE` and `EPERM`. No class of SQLSTATE begins with E. */
export function isState(code: string): boolean {
  return /^(?!E)[0-9A-Z]{5}$/.test(code)
}
