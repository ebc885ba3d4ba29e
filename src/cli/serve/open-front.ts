import { ConnectionError, PoolerDetectedError } from '../../base/errors.js'
import { systemClock } from '../../base/clock.js'
import type { PostgresConnection } from '../../dialect/postgres/connection/connection.js'
import { sqlState } from '../../dialect/postgres/connection/server-errors.js'
import { findEngine } from '../../dialect/postgres/distributed/engine.js'
import { LeasedConnection } from '../../dialect/postgres/pool/leased-connection.js'
import type { LockPool } from '../../postgres-lock-pool.js'
import { Front } from '../../serve/front.js'
import { readServerFacts, type ServerFacts } from '../../serve/upstream/server-facts.js'
import { openLocks, sourceOf } from './front-locks.js'
import { openUpstream } from './front-upstream.js'
import type { ServeOrder } from './serve-order.js'
import { readRules } from './startup-files.js'

/** The limit for one message of a client. */
const MAX_MESSAGE_BYTES = 1 << 20

/** Waits until the pool is ready, and reads the facts of its server. */
async function readyFacts(pool: LockPool): Promise<ServerFacts> {
  const [problem] = await Promise.allSettled([pool.ready()])
  // An answer of the server may only mean that it is no PostgreSQL.
  if (problem.status === 'rejected' && !isAnswer(problem.reason)) throw forServe(problem.reason)
  const connection = await pool.connections.connect()
  try {
    await refuseEngine(connection)
    if (problem.status === 'rejected') throw problem.reason
    return await readServerFacts(connection)
  } finally {
    connection.release()
  }
}

function isAnswer(error: unknown): boolean {
  return sqlState(error) !== undefined || sqlState((error as Error).cause) !== undefined
}

/** @throws {ConnectionError} the server has no advisory locks like those of PostgreSQL */
async function refuseEngine(connection: PostgresConnection): Promise<void> {
  if ((await findEngine(LeasedConnection.serverOf(connection))) === 'postgres') return
  throw new ConnectionError(
    'this server keeps locks only as rows, and lockpool serve needs the advisory locks of PostgreSQL: use the library there, with backend "table" and engine "distributed"',
    { retryable: false },
  )
}

/** The advice of the library is about options that a front does not have. */
function forServe(error: unknown): unknown {
  if (!(error instanceof PoolerDetectedError)) return error
  const message = error.message.replace(/,? or (?:use )?backend: 'table'.*$/, '')
  return new PoolerDetectedError(
    `${message}. A front takes its locks on sessions of the server: name the server itself with --url, and the pooler with --others`,
    { cause: error },
  )
}

/** A front with its pool and its upstream. */
export interface OpenFront {
  readonly front: Front
  /** The pool whose locks the clients use. */
  readonly pool: LockPool
  /** Reads users and certificate again, for later connections. @throws {BadFileError} and nothing has changed */
  reload(): Promise<void>
  /** Closes the pool and the upstream. Drain the front itself before. */
  close(): Promise<void>
}

/**
 * Builds a front with its pool, its upstream, and the parameters that the server reports. It does not listen yet.
 *
 * @throws {LockError} the server is not suitable
 * @throws {BadFileError} {InvalidOptionError}
 */
export async function openFront(
  order: ServeOrder,
  url: string | undefined,
  report: (message: string) => void,
): Promise<OpenFront> {
  const upstream = openUpstream(order, url, report)
  const rules = await readRules(order, upstream.secretOf)
  const pool = openLocks(order, url, report)
  const close = async (): Promise<void> => {
    await Promise.all([pool.close({ graceMs: 0 }), upstream.close()])
  }
  try {
    const server = await readyFacts(pool)
    await upstream.checkLogins()
    const front = new Front(
      {
        host: order.host,
        port: order.port,
        maxClients: order.maxClients,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        idleTimeoutMs: order.idleTimeoutMs,
        database: order.others.kind === 'refuse' ? null : server.database,
      },
      rules,
      {
        clock: systemClock,
        server,
        source: sourceOf(pool, order.isStrict),
        evaluator: upstream.evaluator,
        passingFor: upstream.passingFor,
        mayPin: order.mayPin,
        failed: (error) => report(error instanceof Error ? (error.stack ?? error.message) : String(error)),
      },
    )
    pool.on('lock:lost', () => front.lockLost())
    const reload = async (): Promise<void> => {
      front.rules = await readRules(order, upstream.secretOf)
    }
    return { front, pool, reload, close }
  } catch (error) {
    await close()
    throw error
  }
}
