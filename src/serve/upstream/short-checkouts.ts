import type { Clock } from '../../base/clock.js'
import { FatalError, SqlError } from '../messages/sql-error.js'
import type { UpstreamConnection } from './upstream-connection.js'
import type { UpstreamSource } from './upstream-source.js'

/** The time limit: such a statement only computes or looks something up. If it takes longer, the server does not answer. */
const LIMIT_MS = 10_000

/** Runs short statements of the front itself, each on a connection for that statement. */
export class ShortCheckouts {
  readonly #source: UpstreamSource
  readonly #clock: Clock
  readonly #closing: AbortSignal

  constructor(source: UpstreamSource, clock: Clock, closing: AbortSignal) {
    this.#source = source
    this.#clock = clock
    this.#closing = closing
  }

  /** @throws {SqlError} {UpstreamError} */
  async with(use: (connection: UpstreamConnection) => Promise<void>): Promise<void> {
    const lease = await this.#source.lease(this.#closing)
    const { connection } = lease
    const cancelLimit = this.#clock.after(LIMIT_MS, () => connection.destroy())
    try {
      await use(connection)
    } catch (error) {
      if (!(error instanceof FatalError)) throw error
      // The client had nothing on that connection.
      throw new SqlError('08006', error.message, { cause: error })
    } finally {
      cancelLimit()
      lease.release(connection.hasEnded || connection.isBusy || connection.status !== 'I')
    }
  }
}
