import type { LockError } from '../../base/errors.js'
import type { Dialect, Ears, LinkSettings, LockLink } from '../dialect.js'
import type { KeyCode, LockKey } from '../lock-key.js'
import { LeasedConnection } from './leased-connection.js'
import { attach } from './postgres-attach.js'
import { listen } from './postgres-bell.js'
import type { PostgresConnection } from './postgres-connection.js'
import { explain } from './postgres-errors.js'
import { encodeKey } from './postgres-key.js'
import { PostgresLink } from './postgres-link.js'

/** Advisory locks of PostgreSQL 14 and later. */
export const postgresDialect: Dialect<PostgresConnection> = {
  encodeKey(key: LockKey, namespace: string): KeyCode {
    return encodeKey(key, namespace)
  },

  async attach(
    connection: PostgresConnection,
    settings: LinkSettings,
    ended: (cause: Error) => void,
  ): Promise<LockLink> {
    const server = LeasedConnection.serverOf(connection)
    server.onEnd(ended)
    try {
      return new PostgresLink(server, await attach(server, settings), settings.sender)
    } catch (error) {
      throw explain(error)
    }
  },

  listen(connection: PostgresConnection, ears: Ears): Promise<() => Promise<void>> {
    return listen(LeasedConnection.serverOf(connection), ears)
  },

  explain(error: unknown): LockError {
    return explain(error)
  },
}
