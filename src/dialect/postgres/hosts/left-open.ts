import pg from 'pg'
import { ConnectionError } from '../../../base/errors.js'
import type { HostVariables } from './host-list.js'
import { hostParts } from './url-hosts.js'
import { explain, sqlState } from '../connection/server-errors.js'

/** Of roles, passwords and databases: the name of the database is that of the user unless it is given. */
const ABOUT_THE_USER: ReadonlySet<string> = new Set(['28000', '28P01', '3D000'])

/**
 * Adds to a failure to connect what nobody has said, and the driver has made up: it goes to this machine, as the user of the
 * system, and then a wrong server answers about a wrong role. Other errors stay as they are.
 */
export function withWhatIsLeftOpen(
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

/** A missing password is missed by the driver, without a code. */
function isAboutTheUser(error: unknown): boolean {
  const isPassword = error instanceof Error && error.message.includes('client password must be a')
  return isPassword || ABOUT_THE_USER.has(sqlState(error) ?? '')
}

/** A stream of the program's own goes where it wants. */
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
  // A system that has no user either is explained by the error itself.
  if (!taken) return []
  return [
    `no user was given, so it is that of the system, "${taken}": name one in the address (postgres://user@host), or in PGUSER`,
  ]
}
