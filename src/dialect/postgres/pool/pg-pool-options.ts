import pg from 'pg'
import { POOL_OPTIONS, type PoolOptions } from '../../../pool/pool-options.js'

/** Options with secrets. They exist but are not enumerable, so that no log shows them. */
const HIDDEN = ['password', 'connectionString'] as const

/** Settings that a connection string may contain besides the address. */
const SAID = [
  'options',
  'application_name',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
] as const

/**
 * The options of a pool in the form of `pg.Pool`: the address, and how connections are kept. Some programs use them to
 * open another connection, for example to cancel a statement, so they must lead to the same server. The password is not
 * enumerable. The connection string, which may contain it, is not enumerable either; its settings are repeated as
 * separate options.
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

/** In `pg`, 0 means no limit, so the shortest duration is 1 ms. */
function millis(duration: number): number {
  return duration === Infinity ? 0 : Math.max(duration, 1)
}

interface Resolved extends pg.ClientConfig {
  readonly host: string
  readonly port: number
  readonly connectionParameters: Readonly<Record<(typeof SAID)[number], unknown>>
}

/** The settings that the driver derives from the string, the environment and its own defaults. Opens no connection. */
function resolved(config: pg.ClientConfig): Resolved {
  const { stream: _, ...quiet } = config
  return new pg.Client({ ...quiet, connection: {} } as pg.ClientConfig) as unknown as Resolved
}
