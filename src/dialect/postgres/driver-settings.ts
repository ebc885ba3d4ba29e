/**
 * What becomes of a setting of `pg`:
 *
 * - `as given`: every connection has it.
 * - `for borrowers`: their statements are carried out under it. Lock sessions, the connection that listens and whatever
 *   else is sent on lockpool's own account set, send or read what they need themselves.
 * - `left out`: no connection has it, wherever it comes from.
 * - `refused`: with it there can be no pool.
 */
export type Fate = 'as given' | 'for borrowers' | 'left out' | 'refused'

export interface DriverSetting {
  readonly fate: Fate
  readonly why: string
}

const row = (fate: Fate, why: string): DriverSetting => ({ fate, why })

const WHERE = row('as given', 'where the server is, and who asks')
const ENCRYPTED = row('as given', 'how the connection is encrypted and the server known')
const POOLED = row('left out', 'of `pg.Pool`: this pool has options of its own')
const BY_SERVER = 'a lock session sets its own, and looks whether it is in force'

/**
 * Every setting that `pg` takes, in an object, in a connection string or from the environment. The only place where it is
 * decided what becomes of each; docs/reference/options.md shows it.
 */
export const DRIVER_SETTINGS: ReadonlyMap<string, DriverSetting> = new Map(
  Object.entries({
    connectionString: row('as given', 'where the server is; `pg` lets it win over the rest'),
    host: WHERE,
    port: WHERE,
    target_session_attrs: row(
      'as given',
      "which of several hosts will do, as libpq has it. lockpool's own: `pg` takes no notice",
    ),
    user: WHERE,
    password: row('as given', 'a text, or a function that is asked for each connection'),
    database: WHERE,
    ssl: ENCRYPTED,
    sslnegotiation: ENCRYPTED,
    enableChannelBinding: ENCRYPTED,
    scramMaxIterations: ENCRYPTED,
    stream: row('as given', 'a function that makes one for each connection: one for all of them is refused'),
    keepAlive: row(
      'as given',
      'on if nothing is said. Locks do not depend on it: heartbeats notice a silent server',
    ),
    keepAliveInitialDelayMillis: row('as given', '10 seconds if nothing is said'),
    connectionTimeoutMillis: row('as given', 'ends attempts to connect, and nothing later'),
    application_name: row('as given', "goes before the pool's `applicationName`"),
    fallback_application_name: row(
      'as given',
      "comes after the pool's `applicationName`, which is always there",
    ),
    client_encoding: row('as given', '`pg` itself takes no notice: it always speaks UTF-8'),
    options: row('for borrowers', BY_SERVER),
    statement_timeout: row('for borrowers', BY_SERVER),
    lock_timeout: row('for borrowers', BY_SERVER),
    idle_in_transaction_session_timeout: row('for borrowers', BY_SERVER),
    binary: row('for borrowers', "lockpool's own statements are answered in text"),
    types: row('for borrowers', "lockpool's own statements are read by its own parsers"),
    query_timeout: row(
      'left out',
      'the driver enforces it by ending the connection, with every lock on it, and the server goes on with the statement. ' +
        '`statement_timeout` ends the statement alone',
    ),
    pipeline: row(
      'left out',
      'always on: a connection that many callers share does not wait for each answer',
    ),
    Promise: row('left out', 'callers get promises of the language'),
    Client: row('left out', 'connections are made by `pg.Client`, which lock sessions need'),
    replication: row('refused', 'a replication connection knows neither locks nor parameters'),
    connection: row('refused', 'one connection can not be that of all clients of a pool'),
    max: POOLED,
    min: POOLED,
    poolSize: POOLED,
    maxUses: POOLED,
    maxLifetimeSeconds: POOLED,
    idleTimeoutMillis: POOLED,
    allowExitOnIdle: POOLED,
    log: POOLED,
    verify: POOLED,
    onConnect: POOLED,
  }),
)

export function fateOf(name: string): Fate {
  // What `pg` may learn to take one day is its own business.
  return DRIVER_SETTINGS.get(name)?.fate ?? 'as given'
}
