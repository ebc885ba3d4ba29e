import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { InvalidOptionError } from '../../base/errors.js'
import {
  LOOPBACK_HOSTS,
  resolveDashboardOptions,
  type DashboardOptions,
} from '../../dashboard/dashboard-options.js'
import { CONNECTION_FLAGS } from '../connection.js'
import { listFlag, textFlag, toggle, type Flag, type FlagValues } from '../flags.js'
import { UsageError } from '../usage-error.js'

export type DashboardFlags = Pick<typeof CONNECTION_FLAGS, 'url'> & {
  readonly port: Flag<number>
  readonly listen: Flag<string>
  readonly name: Flag<readonly string[]>
  readonly 'allow-end': Flag<true>
  readonly json: Flag<true>
}

const DEFAULT_PORT = 7433
/** Ports after the default one, if no port was given. */
const MORE_PORTS = 20
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

export const DASHBOARD_FLAGS: DashboardFlags = {
  url: CONNECTION_FLAGS.url,
  port: {
    short: 'p',
    value: 'PORT',
    meaning: 'the port to listen on; 0 takes any free one',
    default: `${DEFAULT_PORT}, or the next that is free`,
    expects: 'a port from 0 to 65535',
    read: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null),
  },
  listen: textFlag('ADDRESS', {
    meaning: 'the address to listen on; if others can reach it, reading needs the token too',
    default: '127.0.0.1',
  }),
  name: listFlag('HOST', {
    meaning: 'a host name under which browsers reach it, for --listen; may be given more than once',
    default: 'the address, and the name of this host',
  }),
  'allow-end': toggle({ meaning: 'allow ending sessions from the page, with the token' }),
  json: toggle({ meaning: 'print the address and the token as one JSON object' }),
}

/** The flags, with defaults filled in. */
export interface DashboardOrder {
  readonly address: string
  /** The host in the printed address: with a listener on every address it is the first name, otherwise the address itself. */
  readonly host: string
  /** The ports to try, in this order. */
  readonly ports: readonly number[]
  readonly options: Required<DashboardOptions>
  /** Whether the token was generated, and must be printed. */
  readonly isTokenOurs: boolean
  readonly isJson: boolean
}

/** @throws {UsageError} */
export function readDashboardOrder(
  flags: FlagValues<DashboardFlags>,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DashboardOrder {
  if (args.length > 0) throw new UsageError('lockpool dashboard takes no arguments')
  const address = flags.listen ?? '127.0.0.1'
  const host = hostOf(address)
  const isLoopback = LOOPBACK_HOSTS.includes(host)
  const ending = flags['allow-end'] === true
  const given = env['LOCKPOOL_DASHBOARD_TOKEN'] ?? ''
  const isTokenOurs = (ending || !isLoopback) && given === ''
  const names = flags.name ?? (isLoopback ? [] : namesOf(address, host))
  return {
    address,
    host: EVERY_ADDRESS.has(address) ? names[0]! : host,
    ports: flags.port === undefined ? defaultPorts() : [flags.port],
    options: resolve({
      hosts: [...LOOPBACK_HOSTS, ...names],
      token: isTokenOurs ? randomBytes(18).toString('base64url') : given,
      ending,
      readers: isLoopback ? 'anybody' : 'token',
    }),
    isTokenOurs,
    isJson: flags.json === true,
  }
}

/** @throws {UsageError} in the words of the command line */
function resolve(options: DashboardOptions): Required<DashboardOptions> {
  try {
    return resolveDashboardOptions(options)
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error
    const [problem] = error.problems
    throw new UsageError(problem!.replace('"hosts"', '--name').replace('"token"', 'LOCKPOOL_DASHBOARD_TOKEN'))
  }
}

function defaultPorts(): number[] {
  return Array.from({ length: MORE_PORTS }, (_, i) => DEFAULT_PORT + i)
}

/** The address as browsers write it: an IPv6 address has brackets and no zone. */
function hostOf(address: string): string {
  return address.includes(':') ? `[${address.replace(/%.*$/, '')}]` : address
}

/** Names under which browsers on other hosts may reach it. */
function namesOf(address: string, host: string): string[] {
  return EVERY_ADDRESS.has(address) ? [hostname()] : [hostname(), host]
}
