/**
 * How a setting of `pg` is treated:
 *
 * - `as given`: it applies to every connection.
 * - `for borrowers`: it applies to statements on checked-out connections. lockpool's own statements (lock sessions, the
 *   listener) set, send or read what they need themselves.
 * - `left out`: it applies to no connection, wherever it comes from.
 * - `refused`: the pool is not created.
 */
export type Fate = 'as given' | 'for borrowers' | 'left out' | 'refused'

export interface DriverSetting {
  readonly fate: Fate
  readonly why: string
}

const row = (fate: Fate, why: string): DriverSetting => ({ fate, why })

const WHERE = row('as given', 'the address of the server, and the role')
const ENCRYPTED = row('as given', 'encryption, and verification of the server')
const POOLED = row('left out', 'options of `pg.Pool`: this pool has its own')
const BY_SERVER = 'a lock session sets its own, and checks them'

/**
 * Every setting that `pg` accepts, in an object, in a connection string or from the environment. This table alone
 * decides how each is treated. docs/reference/options.md shows it.
 */
export const DRIVER_SETTINGS: ReadonlyMap<string, DriverSetting> = new Map(
  Object.entries({
    connectionString: row('as given', 'the address of the server; in `pg` it overrides the rest'),
    host: WHERE,
    port: WHERE,
    target_session_attrs: row(
      'as given',
      'which of several hosts is suitable, as in libpq. Used by lockpool; `pg` ignores it',
    ),
    user: WHERE,
    password: row('as given', 'a text, or a function that is called for each connection'),
    database: WHERE,
    ssl: ENCRYPTED,
    sslnegotiation: ENCRYPTED,
    enableChannelBinding: ENCRYPTED,
    scramMaxIterations: ENCRYPTED,
    stream: row('as given', 'a function that creates one per connection: a single stream is refused'),
    keepAlive: row('as given', 'on by default. Locks do not depend on it: heartbeats detect a silent server'),
    keepAliveInitialDelayMillis: row('as given', '10 seconds by default'),
    connectionTimeoutMillis: row('as given', 'limits attempts to connect only'),
    application_name: row('as given', "overrides the pool's `applicationName`"),
    fallback_application_name: row(
      'as given',
      "has no effect, because the pool's `applicationName` is always set",
    ),
    client_encoding: row('as given', '`pg` ignores it: it always uses UTF-8'),
    options: row('for borrowers', BY_SERVER),
    statement_timeout: row('for borrowers', BY_SERVER),
    lock_timeout: row('for borrowers', BY_SERVER),
    idle_in_transaction_session_timeout: row('for borrowers', BY_SERVER),
    binary: row('for borrowers', "lockpool's own statements use text format"),
    types: row('for borrowers', "lockpool's own statements are read by its own parsers"),
    query_timeout: row(
      'left out',
      'the driver would end the connection, with all its locks, while the server continues the statement. ' +
        '`statement_timeout` ends only the statement',
    ),
    pipeline: row(
      'left out',
      'always on: a connection that many callers share does not wait for each answer',
    ),
    Promise: row('left out', 'callers get native promises'),
    Client: row('left out', 'connections are made by `pg.Client`, which lock sessions need'),
    replication: row('refused', 'a replication connection supports neither locks nor parameters'),
    connection: row('refused', 'one connection cannot serve all clients of a pool'),
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
  // Settings that later versions of `pg` may add are passed on.
  return DRIVER_SETTINGS.get(name)?.fate ?? 'as given'
}
