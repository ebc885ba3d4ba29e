import { ConnectionError, PoolerDetectedError } from '../../../base/errors.js'
import type { BorrowSecond, LinkSettings } from '../../dialect.js'
import { equip, type SessionEquipment } from './equipment.js'
import { SOON_MS } from '../../hosts/host.js'
import { explain, sqlState } from '../connection/server-errors.js'
import { findFlaw } from './self-test.js'
import { lockSessionSettings, putInForce } from './settings.js'
import { STORE_SESSION_ID, FACTS } from './attach-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { ONE_SESSION } from '../connection/shared-session.js'
import { untilNotCanceled } from '../connection/until-not-canceled.js'

/** The facts about the server that a lock session needs. */
export interface ServerFacts extends SessionEquipment {
  /** The pid of the backend that answers. A pooler may have announced another one at login. */
  readonly pid: number
  readonly capacity: number
  readonly capacityPerSession: number
  /** How long a session may wait for a lock before the server may log it. */
  readonly quietWaitMs: number
}

/** PostgreSQL 14 introduced idle_session_timeout. Without it, nothing frees the locks of a process that hangs. */
const OLDEST_VERSION = 140_000

interface FactsRow {
  readonly pid: number
  readonly version: number
  readonly version_text: string
  readonly product: string
  readonly is_standby: boolean
  readonly quiet_wait_ms: number
  readonly capacity: number
  readonly capacity_per_session: number
  /** How many of our prepared statements the server session has. */
  readonly prepared: number
}

/** PostgreSQL in WebAssembly, such as PGlite, is a single process with a single session. */
const ONE_PROCESS = /pglite|wasm|emscripten/i

/**
 * Ensures that locks on this connection really exclude others: the server must be suitable, one server session must run
 * all statements of the connection, and the settings that the lease depends on must be in force. Takes two round trips.
 * It takes more behind a pooler, and before the sequence exists.
 */
export async function attach(
  server: ServerConnection,
  settings: LinkSettings,
  another: BorrowSecond<ServerConnection> | null,
): Promise<ServerFacts> {
  server.isPrompt = true
  const first = await untilNotCanceled(() => firstLook(server))
  const { pid, is_standby, capacity, capacity_per_session: capacityPerSession } = first
  checkProduct(first)
  // More prepared statements than this connection has sent come from another connection in the same session.
  if (pid === server.processID && first.prepared > server.preparedCount)
    throw new PoolerDetectedError(ONE_SESSION)
  // A pooler announces its own pid and key (0 of 120 direct connections differed, 350 of 350 through PgBouncer).
  if (pid !== server.processID) await testPooler(server, pid, settings.sender, another)
  if (is_standby) {
    // Another attempt may succeed: a failover may make this server the primary, or lead the same name to another
    // server.
    const message = 'this server is a read-only standby, where locks do not exclude holders on the primary'
    throw new ConnectionError(message, { retryAfterMs: SOON_MS })
  }
  const inForce = untilNotCanceled(() => takePossession(server, settings.leaseMs))
  const quietWaitMs = first.quiet_wait_ms
  return { pid, capacity, capacityPerSession, quietWaitMs, ...(await equip(server, settings, inForce)) }
}

/** One message with two statements: the first one lifts the statement timeout for the second. */
async function firstLook(server: ServerConnection): Promise<FactsRow> {
  return (await server.query<FactsRow>(FACTS)).rows[0]!
}

function checkProduct({ version, version_text, product }: FactsRow): void {
  if (ONE_PROCESS.test(product)) {
    throw new PoolerDetectedError(`this server is ${product.split(',', 1)[0]}: ${ONE_SESSION}`)
  }
  if (version >= OLDEST_VERSION) return
  throw new ConnectionError(
    `PostgreSQL ${version_text} is too old: lock sessions need idle_session_timeout, which came with version 14`,
    { retryable: false },
  )
}

/**
 * Two connections with one server session both run this. The server handles the statements one after the other, so one
 * of the two gets the id of the other.
 */
async function takePossession(server: ServerConnection, leaseMs: number): Promise<void> {
  const inForce = putInForce(server, lockSessionSettings(leaseMs))
  // Sent after the settings, because they lift the statement timeout.
  const stored = server.query<{ session: string }>(STORE_SESSION_ID, [server.id])
  const [, { rows }] = await Promise.all([inForce, stored])
  if (rows[0]!.session !== server.id) throw new PoolerDetectedError(ONE_SESSION)
}

/**
 * A pooler is between this process and the server. That is harmless if each connection keeps its own server session, as
 * with session pooling. Otherwise locks exclude no one. Only a test can tell the two apart.
 */
async function testPooler(
  server: ServerConnection,
  pid: number,
  sender: string,
  another: BorrowSecond<ServerConnection> | null,
): Promise<void> {
  if (another === null) {
    throw new PoolerDetectedError(
      'there is a connection pooler between this process and PostgreSQL, and the test whether locks hold behind it takes ' +
        'two connections at once: set "max" to 2 at least, or connect lockpool to the server itself, or use backend: \'table\'',
    )
  }
  // The error is thrown inside the callback, so that neither connection is used again.
  await another(async (second) => {
    const flaw = await findFlaw(server, second, pid, sender).catch(refusal)
    if (flaw === null) return
    throw new PoolerDetectedError(
      `there is a connection pooler between this process and PostgreSQL, and locks do not hold behind it: ${flaw}. ` +
        'Connect lockpool to the server directly (it needs few connections), or through session pooling ' +
        "(PgBouncer: pool_mode = session), or use backend: 'table', which works through any pooler",
    )
  })
}

/** Statement pooling refuses transactions with this code and closes the connection. */
function refusal(error: unknown): string {
  if (sqlState(error) === '08P01') return explain(error).message
  throw error
}
