import { ConnectionError, PoolerDetectedError } from '../../../base/errors.js'
import type { BorrowSecond, LinkSettings } from '../../dialect.js'
import { equip, type Equipment } from './equipment.js'
import { explain, sqlState, SOON_MS } from '../connection/server-errors.js'
import { findFlaw } from './self-test.js'
import { lockSessionSettings, putInForce } from './settings.js'
import { CLAIM_SESSION, FACTS } from './attach-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { ONE_SESSION } from '../connection/shared-session.js'
import { untilNotCanceled } from '../connection/until-not-canceled.js'

/** What has to be known of the server before locks are taken in it. */
export interface ServerFacts extends Equipment {
  /** The server process that answers: not what the connection was told at its start, if a pooler told it. */
  readonly pid: number
  readonly capacity: number
  readonly capacityPerSession: number
  /** How long a session may wait for a lock without a line in the server's log. */
  readonly quietWaitMs: number
}

/** idle_session_timeout, without which nothing frees the locks of a process that hangs, came with PostgreSQL 14. */
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
  /** Statements of ours that the server session knows. */
  readonly prepared: number
}

/** PostgreSQL in WebAssembly, PGlite for one, is one process with one session. */
const ONE_PROCESS = /pglite|wasm|emscripten/i

/**
 * Makes sure that locks taken on this connection are worth something: the right kind of server, one session of it for all
 * statements, and the settings in force that the lease depends on. Two round trips; more only behind a pooler, and where
 * there is no fence yet.
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
  // As few as it has prepared itself: all others are those of another connection.
  if (pid === server.processID && first.prepared > server.preparedCount)
    throw new PoolerDetectedError(ONE_SESSION)
  // A pooler answers with its own key data (0 of 120 direct connections differed, 350 of 350 through PgBouncer).
  if (pid !== server.processID) await testPooler(server, pid, settings.sender, another)
  if (is_standby) {
    // Worth another try: a fail-over makes it the primary, or leads the same name to another server.
    const message = 'this server is a read-only standby, where locks exclude nobody on the primary'
    throw new ConnectionError(message, { retryAfterMs: SOON_MS })
  }
  const inForce = untilNotCanceled(() => takePossession(server, settings.leaseMs))
  const quietWaitMs = first.quiet_wait_ms
  return { pid, capacity, capacityPerSession, quietWaitMs, ...(await equip(server, settings, inForce)) }
}

/** Two statements in one message, because the first makes sure that the second has the time it takes. */
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

/** The server answers one statement after the other, so of two connections with one session it tells one of them. */
async function takePossession(server: ServerConnection, leaseMs: number): Promise<void> {
  const inForce = putInForce(server, lockSessionSettings(leaseMs))
  // Behind the settings, so that it has the time it takes.
  const claim = server.query<{ session: string }>(CLAIM_SESSION, [server.id])
  const [, { rows }] = await Promise.all([inForce, claim])
  if (rows[0]!.session !== server.id) throw new PoolerDetectedError(ONE_SESSION)
}

/**
 * Something stands in between that is not the server: harmless if each connection keeps a server session of its own, as
 * with session pooling, and else the end of all exclusion. Only a test tells.
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
  // Thrown inside, so that neither connection is used again.
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

/** Statement pooling refuses transactions with this, and ends the connection. */
function refusal(error: unknown): string {
  if (sqlState(error) === '08P01') return explain(error).message
  throw error
}
