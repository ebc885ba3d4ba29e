import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
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
/** Beyond the default port, if nobody has asked for one. */
const MORE_PORTS = 20
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
const SHORTEST_TOKEN = 16

export const DASHBOARD_FLAGS: DashboardFlags = {
  url: CONNECTION_FLAGS.url,
  port: {
    short: 'p',
    value: 'PORT',
    meaning: 'where to listen; 0 takes any that is free',
    default: `${DEFAULT_PORT}, or the next that is free`,
    expects: 'a port from 0 to 65535',
    read: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null),
  },
  listen: textFlag('ADDRESS', {
    meaning: 'the address to listen on; if others can reach it, looking needs the token too',
    default: '127.0.0.1',
  }),
  name: listFlag('HOST', {
    meaning: 'a name under which browsers reach it, for --listen; may be given more than once',
    default: 'the address, and the name of this host',
  }),
  'allow-end': toggle({ meaning: 'sessions may be ended from the page, with the token' }),
  json: toggle({ meaning: 'print where it is, and the token, as one JSON object' }),
}

/** What was asked for, with everything left out filled in. */
export interface DashboardOrder {
  readonly address: string
  /** To be tried in this order. */
  readonly ports: readonly number[]
  readonly hosts: readonly string[]
  readonly token: string
  readonly isTokenOurs: boolean
  readonly readers: 'anybody' | 'token'
  readonly mayEnd: boolean
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
  const isLoopback = LOOPBACK.has(address)
  const mayEnd = flags['allow-end'] === true
  const given = env['LOCKPOOL_DASHBOARD_TOKEN'] ?? ''
  if (given !== '' && given.length < SHORTEST_TOKEN)
    throw new UsageError(`LOCKPOOL_DASHBOARD_TOKEN must have at least ${SHORTEST_TOKEN} characters`)
  const needsToken = mayEnd || !isLoopback
  const isTokenOurs = needsToken && given === ''
  return {
    address,
    ports: flags.port === undefined ? defaultPorts() : [flags.port],
    hosts: [
      ...(flags.name ?? hostsOf(address, isLoopback)),
      ...(flags.name === undefined ? [] : hostsOf('', true)),
    ],
    token: isTokenOurs ? randomBytes(18).toString('base64url') : given,
    isTokenOurs,
    readers: isLoopback ? 'anybody' : 'token',
    mayEnd,
    isJson: flags.json === true,
  }
}

function defaultPorts(): number[] {
  return Array.from({ length: MORE_PORTS }, (_, i) => DEFAULT_PORT + i)
}

/** What browsers may call it. */
function hostsOf(address: string, isLoopback: boolean): string[] {
  const loopback = ['localhost', '127.0.0.1', '[::1]']
  if (isLoopback) return loopback
  const own = address.includes(':') ? `[${address}]` : address
  return [...loopback, hostname(), ...(EVERY_ADDRESS.has(address) ? [] : [own])]
}
