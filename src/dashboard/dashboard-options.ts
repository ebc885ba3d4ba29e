import { InvalidOptionError } from '../base/errors.js'
import { checkIsObject, oneOf, resolveOptions, show, text, type OptionTable } from '../base/options.js'

/** Where a dashboard is, and who may do what. */
export interface DashboardOptions {
  /**
   * Where in your server it is mounted, if your server does not take that off: `/admin/locks`. At most 200 characters.
   *
   * Default `''`.
   */
  readonly path?: string

  /**
   * Names under which it may be reached, as in the `Host` header and without a port. Others are refused, so that no other
   * site can make a browser speak to it under a name of its own (DNS rebinding). It is no protection from who can reach your
   * server: put what protects your other internal pages in front.
   *
   * Default none: only `localhost`, `127.0.0.1` and `[::1]`.
   */
  readonly hosts?: readonly string[]

  /**
   * A secret. Whoever ends a session has to know it; with `readers: 'token'` whoever looks as well. From 16 to 200 characters.
   *
   * Default `''`: there is none, and so nobody ends anything.
   */
  readonly token?: string

  /**
   * Whether sessions may be ended with the token.
   *
   * Default false.
   */
  readonly ending?: boolean

  /**
   * Whether looking needs the token as well.
   *
   * Default `'anybody'`.
   */
  readonly readers?: 'anybody' | 'token'

  /**
   * Is told what went wrong: the server could not be looked at, a request could not be answered, somebody guesses at the
   * token. The same error is told once a minute at most.
   *
   * Default none: `process.emitWarning`, which writes to standard error.
   */
  readonly onError?: ((error: Error) => void) | null
}

/** Names of this host that no other can have, as in the `Host` header. */
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
        : 'must be a list of names of hosts',
  },
  // How long it is, is looked at below, where it is not shown.
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

/** @throws {InvalidOptionError} naming every unknown, every wrong option, and what does not go together */
export function resolveDashboardOptions(options: DashboardOptions): Required<DashboardOptions> {
  checkIsObject(options)
  const resolved = resolveOptions(options, DASHBOARD_OPTIONS)
  const { hosts, token, ending, readers, path } = resolved
  const problems = hosts
    .filter((host) => !HOST.test(host))
    .map((host) => `"hosts" must be names of hosts, without a scheme and a port, got ${show(host)}`)
  if (token !== '' && (token.length < SHORTEST_TOKEN || token.length > LONGEST_TOKEN))
    problems.push(`"token" must have from ${SHORTEST_TOKEN} to ${LONGEST_TOKEN} characters`)
  if (token === '' && (ending || readers === 'token')) problems.push('"ending" and "readers" need a "token"')
  if (path !== '' && !/^(?:\/[\w.~-]+)+$/.test(path))
    problems.push(`"path" must begin with a slash and not end in one, got ${show(path)}`)
  if (problems.length > 0) throw new InvalidOptionError(problems)
  return resolved
}
