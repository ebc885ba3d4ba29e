import { randomBytes } from 'node:crypto'
import { CONNECTION_FLAGS } from '../connection.js'
import { countFlag, toggle, type Flag, type FlagValues } from '../flags.js'
import { isMysql } from '../mysql/address.js'
import { UsageError } from '../usage-error.js'

export type DemoFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Readonly<Record<'processes' | 'tasks' | 'accounts' | 'connections' | 'seconds', Flag<number>>> &
  Readonly<Record<'json', Flag<true>>>

export const DEMO_FLAGS: DemoFlags = {
  url: {
    ...CONNECTION_FLAGS.url,
    default: 'a PostgreSQL that lives as long as the demo',
  },
  processes: countFlag({ meaning: 'worker processes', default: '4' }, 2, 16),
  tasks: countFlag({ meaning: 'tasks in each of them, all at once', default: '200' }, 1, 5000),
  accounts: countFlag({ meaning: 'accounts in the ledger', default: '1000' }, 2, 10_000),
  connections: countFlag({ meaning: 'connections of each process, at most', default: '6' }, 2, 50),
  seconds: countFlag({ meaning: 'how long the tasks work with locks', default: '9' }, 1, 3600),
  json: toggle({ meaning: 'print nothing but one JSON object, at the end' }),
}

/** The parameters of `lockpool demo`. */
export interface DemoOrder {
  /** Null: a server has to be started first. */
  readonly url: string | null
  readonly processes: number
  readonly tasks: number
  readonly accounts: number
  readonly connections: number
  readonly seconds: number
  readonly isJson: boolean
  /** The name of this run, so that several runs on one database do not affect each other. */
  readonly run: string
}

/** In every account at the start, in cents. */
export const OPENING_CENTS = 10_000

/**
 * Only the flag names a database. The demo writes to it, and the variables in the environment may be meant for other
 * programs.
 *
 * @throws {UsageError}
 */
export function readDemoOrder(flags: FlagValues<DemoFlags>, args: readonly string[]): DemoOrder {
  if (args.length > 0) throw new UsageError(`demo takes no arguments, got ${JSON.stringify(args[0])}`)
  const { url = '' } = flags
  if (url !== '' && isMysql(url)) throw new UsageError('the demo is for PostgreSQL')
  return {
    url: url === '' ? null : withoutName(url),
    processes: flags.processes ?? 4,
    tasks: flags.tasks ?? 200,
    accounts: flags.accounts ?? 1000,
    connections: flags.connections ?? 6,
    seconds: flags.seconds ?? 9,
    isJson: flags.json === true,
    run: randomBytes(4).toString('hex'),
  }
}

/**
 * A name in the URL would replace the application names by which the demo counts connections. Other code refuses a wrong URL.
 */
function withoutName(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !url.searchParams.has('application_name')) return text
  url.searchParams.delete('application_name')
  return url.href
}
