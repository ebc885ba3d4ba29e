import type { LockPool } from '../../postgres-lock-pool.js'
import type { Report } from './reporter.js'
import type { RunOrder } from './run-order.js'

/**
 * A pool for one lock: a connection that holds it, and while it is waited for one that hears when it becomes free.
 *
 * @throws {InvalidOptionError} among others if there is something wrong with the URL
 */
export async function openPool(order: RunOrder, report: Report): Promise<LockPool> {
  // The driver comes with it, so not before the command line has been understood.
  const { LockPool } = await import('../../postgres-lock-pool.js')
  const { connection, mode, namespace, waitMs } = order
  const pool = new LockPool({
    min: 0,
    max: 2,
    acquireTimeoutMs: waitMs,
    applicationName: 'lockpool run',
    namespace,
    ...(connection === null ? {} : { connection: connection.url }),
  })
  pool.on('waiter:queued', () => {
    if (waitMs > 0) report('waiting', { mode, waitMs: waitMs === Infinity ? null : waitMs })
  })
  pool.on('warning', ({ message, error }) => {
    report('warning', { message: error === undefined ? message : `${message}: ${error.message}` })
  })
  pool.on('session:lost', ({ reason }) => report('warning', { message: `a connection was lost: ${reason}` }))
  return pool
}
