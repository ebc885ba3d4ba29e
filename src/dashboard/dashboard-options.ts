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
   * A secret. Whoever ends a session has to know it; with `readers: 'token'` whoever looks as well. At least 16 characters.
   *
   * Default `''`: there is none, and so nobody ends anything. At most 200 characters.
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
}

const SHORTEST_TOKEN = 16

export const DASHBOARD_OPTIONS: OptionTable<DashboardOptions> = {
  path: text('', 200),
  hosts: {
    default: [],
    problem: (value) =>
      Array.isArray(value) &&
      value.every((host) => typeof host === 'string' && /^[^\s:/]+$|^\[[\da-f:]+\]$/i.test(host))
        ? null
        : 'must be a list of names of hosts, without ports',
  },
  token: text('', 200),
  ending: oneOf([false, true], false),
  readers: oneOf(['anybody', 'token'], 'anybody'),
}

/** @throws {InvalidOptionError} naming every unknown, every wrong option, and what does not go together */
export function resolveDashboardOptions(options: DashboardOptions): Required<DashboardOptions> {
  checkIsObject(options)
  const resolved = resolveOptions(options, DASHBOARD_OPTIONS)
  const { token, ending, readers, path } = resolved
  const problems: string[] = []
  if (token !== '' && token.length < SHORTEST_TOKEN)
    problems.push(`"token" must have at least ${SHORTEST_TOKEN} characters`)
  if (token === '' && (ending || readers === 'token')) problems.push('"ending" and "readers" need a "token"')
  if (path !== '' && !/^(?:\/[\w.~-]+)+$/.test(path))
    problems.push(`"path" must begin with a slash and not end in one, got ${show(path)}`)
  if (problems.length > 0) throw new InvalidOptionError(problems)
  return resolved
}
