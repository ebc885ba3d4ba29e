import pg from 'pg'
import { POOL_OPTIONS, type PoolOptions } from '../../../pool/pool-options.js'

/** What enough is known of to be shown, and what would give a secret away is not. */
const HIDDEN = ['password', 'connectionString'] as const

/** What a connection string may say besides where to connect to. */
const SAID = [
  'options',
  'application_name',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
] as const

/**
 * The options of a pool in the words of `pg.Pool`: where it connects to, and how it keeps connections. There are programs
 * that open another connection with them, to cancel a statement for instance, so they must lead to the same server. The
 * password is there and is not enumerable, nor is a connection string, which may contain it; what that says stands beside it.
 */
export function optionsOfPg(config: pg.ClientConfig, options: PoolOptions): pg.PoolOptions {
  const { pipeline: _, ...given } = config
  const { host, port, user, database, ssl, password, connectionParameters: said } = resolved(config)
  const also = SAID.filter((name) => said[name]).map((name) => [name, said[name]] as const)
  const all: pg.PoolOptions = {
    ...given,
    ...Object.fromEntries(also),
    host,
    port,
    ...(user === undefined ? {} : { user }),
    ...(database === undefined ? {} : { database }),
    ssl,
    password,
    min: options.min ?? POOL_OPTIONS.min.default,
    max: options.max ?? POOL_OPTIONS.max.default,
    idleTimeoutMillis: millis(options.idleTimeoutMs ?? POOL_OPTIONS.idleTimeoutMs.default),
    connectionTimeoutMillis: millis(options.acquireTimeoutMs ?? POOL_OPTIONS.acquireTimeoutMs.default),
    maxLifetimeSeconds: millis(options.maxLifetimeMs ?? POOL_OPTIONS.maxLifetimeMs.default) / 1000,
    maxUses: options.maxUses ?? POOL_OPTIONS.maxUses.default,
    allowExitOnIdle: options.allowExitOnIdle ?? POOL_OPTIONS.allowExitOnIdle.default,
  }
  for (const name of HIDDEN) if (name in all) Object.defineProperty(all, name, { enumerable: false })
  if (typeof ssl === 'object' && 'key' in ssl) Object.defineProperty(ssl, 'key', { enumerable: false })
  return Object.freeze(all)
}

/** There 0 is no limit, and there is no word for at once. */
function millis(duration: number): number {
  return duration === Infinity ? 0 : Math.max(duration, 1)
}

interface Resolved extends pg.ClientConfig {
  readonly host: string
  readonly port: number
  readonly connectionParameters: Readonly<Record<(typeof SAID)[number], unknown>>
}

/** What the driver makes of it: of a string, of the environment and of its own defaults. Opens nothing. */
function resolved(config: pg.ClientConfig): Resolved {
  const { stream: _, ...quiet } = config
  return new pg.Client({ ...quiet, connection: {} } as pg.ClientConfig) as unknown as Resolved
}
