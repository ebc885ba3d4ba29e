import type { Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Borrow } from '../../dialect/dialect.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'

/**
 * Checks out a connection for one statement. The wait for a connection and the statement each end after `limitMs`: a
 * connection that does not answer is closed, so that it does not use up the pool.
 */
export function borrowFrom<C extends object>(
  pool: ConnectionPool<C>,
  clock: Clock,
  limitMs: number,
): Borrow<C> {
  const late = (): Error => new ConnectionError(`the server did not answer within ${limitMs} ms`)
  return async (use, isBroken) => {
    const connection = await pool.connect({ reserved: true, timeoutMs: limitMs })
    try {
      const result = await inTime(clock, limitMs, use(connection), late)
      connection.release()
      return result
    } catch (error) {
      if (isBroken(error)) connection.release(error as Error)
      else connection.release()
      throw error
    }
  }
}
