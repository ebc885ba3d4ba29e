import type { ClientConfig } from 'pg'
import { CAREFULLY, TERMINATE } from '../../dialect/postgres/inspect-sql.js'
import { explain } from '../../dialect/postgres/postgres-errors.js'
import { readServerState } from '../../dialect/postgres/postgres-inspect.js'
import type { ServerConnection } from '../../dialect/postgres/server-connection.js'
import type { ServerSession } from '../../dialect/server-state.js'
import { sessionInWords } from '../../inspect/session-in-words.js'
import { snapshotOf, type LockSnapshot } from '../../inspect/snapshot.js'
import { openConnection } from '../server.js'

/** Looks at a server again and again. After a failure the next look connects anew. */
export class ServerWatch {
  readonly #config: ClientConfig
  #connection: Promise<ServerConnection> | null = null

  constructor(config: ClientConfig) {
    this.#config = config
  }

  look(): Promise<LockSnapshot> {
    return this.#use(async (connection) =>
      snapshotOf(await readServerState(connection, { everything: false, names: [] })),
    )
  }

  /** What became of it, in words. */
  terminate(session: ServerSession): Promise<string> {
    const who = sessionInWords(session)
    if (session.pid === 0) return Promise.resolve(`${who} has no session to end: see pg_prepared_xacts`)
    return this.#use(async (connection) => {
      const { rows } = await connection.query<{ is_gone: boolean }>(TERMINATE, [
        session.pid,
        session.startedAt,
      ])
      return rows[0]?.is_gone === false ? `${who} was told to end, and is still there` : `${who} has ended`
    }).catch((error: unknown) => `${who} was not ended: ${explain(error).message}`)
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => null)
    this.#connection = null
    await connection?.close().catch(() => undefined)
  }

  async #use<T>(ask: (connection: ServerConnection) => Promise<T>): Promise<T> {
    try {
      return await ask(await (this.#connection ??= this.#connect()))
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async #connect(): Promise<ServerConnection> {
    const connection = await openConnection(this.#config)
    await connection.query(CAREFULLY)
    return connection
  }
}
