import { ConnectionError, PoolerDetectedError } from '../../base/errors.js'
import type { LinkSettings } from '../dialect.js'
import { explain, sqlState } from './postgres-errors.js'
import {
  CREATE_FENCE,
  CREATE_SCHEMA,
  FACTS,
  FIND_FENCE,
  NO_STATEMENT_TIMEOUT,
  READ_SETTINGS,
  SET_SETTINGS,
} from './postgres-sql.js'
import type { ServerConnection } from './server-connection.js'

/** What has to be known of the server before locks are taken in it. */
export interface ServerFacts {
  readonly capacity: number
  /** The sequence that tokens are drawn from, or null. */
  readonly fence: string | null
  readonly noFencing: string | null
}

/** idle_session_timeout, without which nothing frees the locks of a process that hangs, came with PostgreSQL 14. */
const OLDEST_VERSION = 140_000

/**
 * Makes sure that locks taken on this connection are worth something: the right kind of server, nothing in between, and
 * the settings in force that the lease depends on.
 */
export async function attach(server: ServerConnection, settings: LinkSettings): Promise<ServerFacts> {
  await server.query(NO_STATEMENT_TIMEOUT)
  const { rows } = await server.query<{
    pid: number
    version: number
    version_text: string
    is_standby: boolean
    capacity: number
  }>(FACTS)
  const facts = rows[0]!
  if (facts.version < OLDEST_VERSION) {
    throw new ConnectionError(
      `PostgreSQL ${facts.version_text} is too old: lock sessions need idle_session_timeout, which came with version 14`,
      { retryable: false },
    )
  }
  // A pooler answers with its own key data (0 of 120 direct connections differed, 350 of 350 through PgBouncer).
  if (facts.pid !== server.processID) {
    throw new PoolerDetectedError(
      'a connection pooler stands between this process and PostgreSQL: statements may reach different server sessions, ' +
        'and two clients be told yes for one lock. Connect lockpool to the server itself: it needs few connections',
    )
  }
  if (facts.is_standby) {
    throw new ConnectionError(
      'this server is a read-only standby, where locks exclude nobody on the primary',
      {
        retryable: false,
      },
    )
  }
  await putInForce(server, lockSessionSettings(settings.leaseMs))
  if (settings.fencing === 'off')
    return { capacity: facts.capacity, fence: null, noFencing: '"fencing" is off' }
  return { capacity: facts.capacity, ...(await findFence(server)) }
}

/**
 * Defaults of a role or a database can be hostile to a session that holds locks. Any of these but the first three ends
 * or fails it; the numbers are what `pg_settings` shows, in its units.
 */
function lockSessionSettings(leaseMs: number): Readonly<Record<string, string>> {
  const leaseSeconds = String(Math.ceil(leaseMs / 1000))
  return {
    // A generic plan from the start: the batch has no better one, and planning costs more than running it.
    plan_cache_mode: 'force_generic_plan',
    // An unlock of what is not held is answered with false; the warning beside it is noise.
    client_min_messages: 'error',
    search_path: 'pg_catalog',
    idle_session_timeout: String(leaseMs),
    statement_timeout: '0',
    lock_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    transaction_timeout: '0',
    default_transaction_read_only: 'off',
    default_transaction_isolation: 'read committed',
    // A token that a crash takes back is no token (measured: 40 back to 1).
    synchronous_commit: 'on',
    // The server must not give up on the connection, and free its locks, before the lease is over.
    tcp_keepalives_idle: leaseSeconds,
    tcp_user_timeout: String(leaseMs * 2),
  }
}

async function putInForce(server: ServerConnection, wanted: Readonly<Record<string, string>>): Promise<void> {
  const names = Object.keys(wanted)
  const set = server.query(SET_SETTINGS, [names, Object.values(wanted)])
  const read = server.query<{ name: string; setting: string }>(READ_SETTINGS, [['idle_session_timeout']])
  await Promise.all([set, read])
  const inForce = (await read).rows[0]?.setting
  if (inForce !== wanted['idle_session_timeout']) {
    throw new PoolerDetectedError(
      `idle_session_timeout is ${inForce} after it was set to ${wanted['idle_session_timeout']}: something in between drops it`,
    )
  }
}

type Fence = Pick<ServerFacts, 'fence' | 'noFencing'>

/** Finds the sequence of the tokens, or makes it if the role may. Without it locks work, and have no tokens. */
async function findFence(server: ServerConnection): Promise<Fence> {
  const found = await lookForFence(server)
  if (found !== null) return found
  try {
    await server.query(CREATE_SCHEMA)
    await server.query(CREATE_FENCE)
  } catch (error) {
    // Several processes start at once, and IF NOT EXISTS does not keep them from colliding.
    const isCollision = COLLISIONS.has(sqlState(error) ?? '')
    if (!isCollision) {
      const why = explain(error).message
      return {
        fence: null,
        noFencing: `there is no sequence lockpool.fence, and it can't be created: ${why}`,
      }
    }
  }
  return (
    (await lookForFence(server)) ?? { fence: null, noFencing: 'the sequence lockpool.fence has vanished' }
  )
}

/** unique_violation, duplicate_schema, duplicate_table, and internal_error for "tuple concurrently updated". */
const COLLISIONS: ReadonlySet<string> = new Set(['23505', '42P06', '42P07', 'XX000'])

async function lookForFence(server: ServerConnection): Promise<Fence | null> {
  const { rows } = await server.query<{ oid: string; is_usable: boolean; is_right: boolean }>(FIND_FENCE)
  const fence = rows[0]
  if (fence === undefined) return null
  if (!fence.is_right) {
    return {
      fence: null,
      noFencing:
        'the sequence lockpool.fence is not as lockpool makes it (INCREMENT 1024, CACHE 1, NO CYCLE)',
    }
  }
  if (!fence.is_usable) return { fence: null, noFencing: 'this role may not use the sequence lockpool.fence' }
  return { fence: fence.oid, noFencing: null }
}
