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
  const warn = (message: string): void => {
    // What ends because we are closing is nothing to be warned of.
    if (pool.snapshot().state === 'open') report('warning', { message })
  }
  pool.on('warning', ({ message, error }) => {
    warn(error === undefined ? message : `${message}: ${error.message}`)
  })
  pool.on('session:lost', ({ reason }) => warn(`a connection was lost: ${reason}`))
  return pool
}
