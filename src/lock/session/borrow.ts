import type { Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Borrow } from '../../dialect/dialect.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'

/**
 * Checks out a connection for one statement. The wait for a connection and the statement each end after `patienceMs`: a
 * connection that does not answer is closed, so that it does not use up the pool.
 */
export function borrowFrom<C extends object>(
  pool: ConnectionPool<C>,
  clock: Clock,
  patienceMs: number,
): Borrow<C> {
  const late = (): Error => new ConnectionError(`the server did not answer within ${patienceMs} ms`)
  return async (use, isBroken) => {
    const lease = await pool.connect({ reserved: true, timeoutMs: patienceMs })
    try {
      const result = await inTime(clock, patienceMs, use(lease), late)
      lease.release()
      return result
    } catch (error) {
      if (isBroken(error)) lease.release(error as Error)
      else lease.release()
      throw error
    }
  }
}
