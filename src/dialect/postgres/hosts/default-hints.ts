import pg from 'pg'
import { ConnectionError } from '../../../base/errors.js'
import type { HostVariables } from './host-list.js'
import { hostParts } from '../../hosts/url-hosts.js'
import { explain, sqlState } from '../connection/server-errors.js'

/**
 * SQLSTATEs of errors about roles, passwords and databases. The database is here because its name defaults to that of
 * the user.
 */
const ABOUT_THE_USER: ReadonlySet<string> = new Set(['28000', '28P01', '3D000'])

/**
 * Adds hints to a connection error: which settings the user did not give, so that the driver used its defaults. Those
 * lead to this machine, with the name of the operating system's user. Then a wrong server complains about a wrong role.
 * Other errors stay unchanged.
 */
export function withDefaultHints(
  error: unknown,
  config: pg.ClientConfig,
  environment: HostVariables,
): unknown {
  const hints = [
    ...(isPlaceGiven(config, environment)
      ? []
      : ['no address was given ("connection", DATABASE_URL or PGHOST)']),
    ...(isAboutTheUser(error) ? userHints(config, environment) : []),
  ]
  if (hints.length === 0) return error
  const known = explain(error)
  if (!(known instanceof ConnectionError)) return error
  const { cause, retryable, retryAfterMs } = known
  return new ConnectionError(`${known.message}; ${hints.join('; ')}`, { cause, retryable, retryAfterMs })
}

/** The driver itself reports a missing password, without a code. */
function isAboutTheUser(error: unknown): boolean {
  const isPassword = error instanceof Error && error.message.includes('client password must be a')
  return isPassword || ABOUT_THE_USER.has(sqlState(error) ?? '')
}

/** If the program makes its own sockets, it chooses the address. */
function isPlaceGiven(
  { connectionString, host, port, stream }: pg.ClientConfig,
  environment: HostVariables,
): boolean {
  if (typeof stream === 'function' || environment['PGHOST'] || environment['PGPORT']) return true
  if (!connectionString) return Boolean(host || port)
  const parts = hostParts(connectionString)
  return parts === null || parts.host !== '' || parts.port !== ''
}

function userHints(config: pg.ClientConfig, environment: HostVariables): string[] {
  const { user, connectionString = '' } = config
  const isInText = /^[^:]+:\/\/[^/@?#:]+(?::[^/@?#]*)?@|[?&]user=/.test(connectionString)
  if (user || isInText || environment['PGUSER']) return []
  const { user: taken } = pg.defaults
  // If the operating system has no user name either, the error itself explains that.
  if (!taken) return []
  return [
    `no user was given, so it is that of the system, "${taken}": name one in the address (postgres://user@host), or in PGUSER`,
  ]
}
