/**
 * What may succeed when the very same is tried again, with nothing changed by whoever tries: a table for each of those that
 * tell. What nobody has foreseen may; trying again costs little, and giving up for good may cost much.
 */

interface StateClass {
  /** Its name in the standard, for who reads this. */
  readonly means: string
  readonly isWorth: boolean
  /** Codes of the class that are the other way about. */
  readonly but?: readonly string[]
}

const state = (means: string, isWorth: boolean, ...but: string[]): StateClass => ({ means, isWorth, but })

/**
 * By the first two characters of an SQLSTATE: all classes that PostgreSQL has.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const STATE_CLASSES: Readonly<Record<string, StateClass>> = {
  '03': state('SQL statement not yet complete', false),
  // Poolers put everything into 08P01: a queue that was full for too long as well.
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
  // Read-only: a standby, which a fail-over ends. The other two have ended the session, and not for what was asked.
  '25': state('invalid transaction state', false, '25006', '25P03', '25P04'),
  // A pooler has changed over, or somebody has deallocated it: another connection has it.
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
  // The queue of notifications is full, until the slowest listener has read.
  '54': state('program limit exceeded', false, '54000'),
  '55': state('object not in prerequisite state', true, '55P02', '55P04'),
  // The database was dropped.
  '57': state('operator intervention', true, '57P04'),
  '58': state('system error', true, '58P01', '58P02', '58P03'),
  '72': state('snapshot failure', true),
  F0: state('configuration file error', false),
  HV: state('foreign data wrapper error', false, 'HV00N'),
  P0: state('PL/pgSQL error', false),
  // Data or an index are corrupted.
  XX: state('internal error', true, 'XX001', 'XX002'),
}

/**
 * Codes of Node for what no time mends: no such kind of address or path, no right to use it. A name that is not known may be
 * known in a moment: names of containers come and go with them, and a socket's path with its server.
 */
const HOPELESS_CODES: ReadonlySet<string> = new Set([
  ...['EACCES', 'EPERM', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EINVAL', 'ENAMETOOLONG', 'ENOTDIR', 'ELOOP'],
  // What came as an answer to TLS was none.
  'EPROTO',
  ...['ENOTSOCK', 'EPROTOTYPE', 'ERR_SOCKET_BAD_PORT', 'ERR_INVALID_IP_ADDRESS'],
])

/** Certificates, as OpenSSL names what is wrong with them, and as Node does. */
const CERTIFICATE =
  /^(?:CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH$|INVALID_(?:CA|PURPOSE)$|PATH_LENGTH_|ERR_TLS_CERT_|ERROR_IN_(?:CERT|CRL)_)/

/** The two sides of an encryption do not come together, or a key can't be read; and arguments of a wrong type. */
const HOPELESS_KIND = /^ERR_(?:SSL|OSSL|TLS|CRYPTO|INVALID|UNKNOWN)_/

const HANDSHAKE_TIMEOUT = 'ERR_TLS_HANDSHAKE_TIMEOUT'

/** What the driver says without any code, and no time mends: how it begins. */
const HOPELESS_MESSAGES: readonly string[] = [
  'The server does not support SSL connections',
  // No password, a wrong kind of password, no mechanism that both sides know, a server that does not know the password.
  'SASL: ',
  'Password must be a string',
  // Kerberos, for example.
  'Unknown authenticationOk message type',
  'Invalid sslnegotiation',
]

/** Whether it may succeed to do the same again. */
export function isWorthRetrying(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.some(isWorthRetrying)
  // The program has handed something over that can't be handled.
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

/** Node has codes of five letters as well: `EPIPE`, `EPERM`. No class of SQLSTATE begins with E. */
export function isState(code: string): boolean {
  return /^(?!E)[0-9A-Z]{5}$/.test(code)
}
