import { InvalidOptionError } from '../base/errors.js'
import { checkIsObject, oneOf, resolveOptions, show, text, type OptionTable } from '../base/options.js'

/** Where a dashboard is mounted, and who may do what. */
export interface DashboardOptions {
  /**
   * The path at which your server mounts it, such as `/admin/locks`, unless your server strips it. At most 200 characters.
   *
   * Default `''`.
   */
  readonly path?: string

  /**
   * Host names under which it may be reached, as in the `Host` header, without a port. Others are refused, so that another
   * site cannot make a browser send requests to it (DNS rebinding). This does not keep out people who can reach your server:
   * protect the page as you protect your other internal pages.
   *
   * Default none: only `localhost`, `127.0.0.1` and `[::1]`.
   */
  readonly hosts?: readonly string[]

  /**
   * A secret that is needed to end a session, and with `readers: 'token'` also to read. From 16 to 200 characters.
   *
   * Default `''`: no token, so sessions cannot be ended.
   */
  readonly token?: string

  /**
   * Whether sessions may be ended with the token.
   *
   * Default false.
   */
  readonly ending?: boolean

  /**
   * Who may read: `'anybody'`, or only requests with the token.
   *
   * Default `'anybody'`.
   */
  readonly readers?: 'anybody' | 'token'

  /**
   * Called with errors: the server could not be inspected, a request could not be answered, there were too many wrong
   * tokens. At most once a minute for the same error.
   *
   * Default none: `process.emitWarning`, which writes to standard error.
   */
  readonly onError?: ((error: Error) => void) | null
}

/** Names that always mean this host, as in the `Host` header. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

const SHORTEST_TOKEN = 16
const LONGEST_TOKEN = 200

export const DASHBOARD_OPTIONS: OptionTable<DashboardOptions> = {
  path: text('', 200),
  hosts: {
    default: [],
    problem: (value) =>
      Array.isArray(value) && value.every((host) => typeof host === 'string')
        ? null
        : 'must be a list of host names',
  },
  // Its length is checked below, without showing it.
  token: { default: '', problem: (value) => (typeof value === 'string' ? null : 'must be a string') },
  ending: oneOf([false, true], false),
  readers: oneOf(['anybody', 'token'], 'anybody'),
  onError: {
    default: null,
    problem: (value) => (value === null || typeof value === 'function' ? null : 'must be a function'),
  },
}

/** A name or an address; an IPv6 address in brackets. */
const HOST = /^[^\s:/]+$|^\[[\da-f:]+\]$/i

/** @throws {InvalidOptionError} naming every unknown option, every wrong one, and every conflict */
export function resolveDashboardOptions(options: DashboardOptions): Required<DashboardOptions> {
  checkIsObject(options)
  const resolved = resolveOptions(options, DASHBOARD_OPTIONS)
  const { hosts, token, ending, readers, path } = resolved
  const problems = hosts
    .filter((host) => !HOST.test(host))
    .map((host) => `"hosts" must be host names, without a scheme or a port, got ${show(host)}`)
  if (token !== '' && (token.length < SHORTEST_TOKEN || token.length > LONGEST_TOKEN))
    problems.push(`"token" must have from ${SHORTEST_TOKEN} to ${LONGEST_TOKEN} characters`)
  if (token === '' && (ending || readers === 'token')) problems.push('"ending" and "readers" need a "token"')
  if (path !== '' && !/^(?:\/[\w.~-]+)+$/.test(path))
    problems.push(`"path" must begin with a slash and not end in one, got ${show(path)}`)
  if (problems.length > 0) throw new InvalidOptionError(problems)
  return resolved
}
