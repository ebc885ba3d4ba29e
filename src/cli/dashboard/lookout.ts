import type { ClientConfig } from 'pg'
import type { Victim } from '../../dashboard/dashboard-source.js'
import { endSession, lookCarefully } from '../../dialect/postgres/careful-look.js'
import type { ServerConnection } from '../../dialect/postgres/server-connection.js'
import { snapshotOf, type LockSnapshot } from '../../inspect/snapshot.js'
import { openConnection } from '../server.js'

/** One connection to look through, opened anew when it is lost. */
export class Lookout {
  readonly #config: ClientConfig
  #connection: Promise<ServerConnection> | null = null
  #isClosed = false

  constructor(config: ClientConfig) {
    this.#config = config
  }

  async look(): Promise<LockSnapshot> {
    return snapshotOf(await lookCarefully(await this.#open(), { everything: false, names: [] }))
  }

  async end({ pid, startedAt }: Victim): Promise<boolean> {
    return endSession(await this.#open(), pid, startedAt)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const connection = await this.#connection?.catch(() => null)
    // It may have been lost a moment ago, and that is what was wanted.
    await connection?.close().catch(() => undefined)
  }

  #open(): Promise<ServerConnection> {
    if (this.#isClosed) return Promise.reject(new Error('the dashboard is ending'))
    this.#connection ??= this.#openNow()
    return this.#connection
  }

  async #openNow(): Promise<ServerConnection> {
    try {
      const connection = await openConnection(this.#config)
      connection.onEnd(() => {
        this.#connection = null
      })
      return connection
    } catch (error) {
      this.#connection = null
      throw error
    }
  }
}
