import type { LockError } from '../../base/errors.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import { isMysql } from '../mysql/address.js'
import type { LockPoolOptions } from '../../lock/lock-pool-options.js'
import type { RunPool } from './run-pool.js'
import { holdersOf } from './holders.js'
import type { Report } from './reporter.js'
import type { RunBackend, RunOrder } from './run-order.js'

/**
 * A pool for one run. One connection holds the lock, one listens during the wait, and on a terminal one finds out who holds
 * the lock.
 *
 * @throws {InvalidOptionError} for example if the URL is wrong
 */
export async function openPool(order: RunOrder, report: Report, namesHolders: boolean): Promise<RunPool> {
  const { connection, mode, namespace, waitMs, backend, sharedSlots } = order
  const options = {
    min: 0,
    max: namesHolders ? 3 : 2,
    acquireTimeoutMs: waitMs,
    // A limit covers every wait, also for a server that is down. Without a limit, a wrong address would never show.
    whileDown: waitMs === Infinity ? ('auto' as const) : ('wait' as const),
    applicationName: 'lockpool run',
    namespace,
    ...(connection === null ? {} : { connection: connection.url }),
    ...(sharedSlots === null ? {} : { sharedSlots }),
  }
  const pool = await poolOf(connection?.url, options, backend)
  let isReported = false
  pool.on('waiter:queued', () => {
    // A run waits for several keys one after the other, but reports only the first wait.
    if (waitMs === 0 || isReported) return
    isReported = true
    report('waiting', { mode, waitMs: waitMs === Infinity ? null : waitMs })
    if (namesHolders) void reportHolders(order, pool, report)
  })
  const warn = (message: string): void => {
    // A session that ends because the pool is closing needs no warning.
    if (pool.snapshot().state === 'open') report('warning', { message })
  }
  pool.on('warning', ({ message, error }) => {
    warn(error === undefined ? message : `${message}: ${error.message}`)
  })
  pool.on('primary:changed', ({ host, timeline, downMs }) => {
    const where = timeline === null ? host : `${host}, timeline ${timeline}`
    warn(`the primary has changed: it is ${where}, and was away for ${durationInWords(downMs)}`)
  })
  reportDown(pool, waitMs, report)
  pool.on('session:lost', ({ reason }) => warn(`a connection was lost: ${reason}`))
  return pool
}

/** Reports once that the run waits for the database as well as for the lock. */
function reportDown(pool: RunPool, waitMs: number, report: Report): void {
  if (waitMs === 0 || waitMs === Infinity) return
  let isReported = false
  pool.connections.on('connection:failed', ({ error }) => {
    // An error that waiting cannot fix ends the run, which then reports it.
    if (isReported || (error as Partial<LockError>).retryable === false) return
    isReported = true
    report('unreachable', { reason: error.message, waitMs })
  })
}

/** The shortest lease in a Galera cluster. */
const CLUSTER_LEASE_MS = 20_000

/** Loads the driver, so call it only after the command line has been parsed. */
async function poolOf(
  url: string | undefined,
  options: LockPoolOptions & { readonly connection?: string },
  backend: RunBackend | null,
): Promise<RunPool> {
  // The pool refuses options that its database does not have.
  if (isMysql(url)) {
    const { LockPool } = await import('../../mysql-lock-pool.js')
    return new LockPool({
      ...options,
      ...(backend === null ? {} : { backend: backend as 'named' | 'table' }),
      ...(backend === 'table' ? { leaseMs: CLUSTER_LEASE_MS } : {}),
    })
  }
  const { LockPool } = await import('../../postgres-lock-pool.js')
  return new LockPool({
    ...options,
    ...(backend === null ? {} : { backend: backend as 'advisory' | 'table' }),
  })
}

async function reportHolders(order: RunOrder, pool: RunPool, report: Report): Promise<void> {
  const holders = await holdersOf(order, pool)
  const isWaiting = pool.snapshot().waiting > 0
  if (holders.length > 0 && isWaiting) report('blocked', { holders })
}
