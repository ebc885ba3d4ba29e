import type { LockError } from '../../base/errors.js'
import type {
  BorrowSecond,
  Dialect,
  NotificationHandlers,
  Guarded,
  LinkSettings,
  ListeningConnection,
  LockLink,
  RecordTables,
} from '../dialect.js'
import type { LeaderInfo, LeaderRecord } from '../leader.js'
import type { KeyCode, LockKey } from '../lock-key.js'
import type { NamedKey } from '../named-key.js'
import type { SemaphoreCode } from '../permit-operation.js'
import type { Queryable } from '../queryable.js'
import { LeasedConnection } from './pool/leased-connection.js'
import { findObjects, recordTables } from './schema/schema.js'
import { claimBackend, isPlaceGone, type BackendClaim } from './schema/backend-claim.js'
import { attach } from './session/attach.js'
import { listen } from './notify/notifications.js'
import { PostgresChannel } from './notify/channel.js'
import type { PostgresConnection } from './connection/connection.js'
import { explain } from './connection/server-errors.js'
import { guard } from './fencing/guard.js'
import { encodeKey, encodeSemaphore, hashOf } from './keys/key.js'
import { writeNames } from './records/key-names.js'
import { takeReleaseRequests } from './records/release-requests.js'
import { writeReports } from './records/reports.js'
import type { ReleaseRequest } from '../release-request.js'
import type { ReportRow } from '../session-report.js'
import { readLeader, recordLeader } from './records/leader.js'
import { PostgresLink } from './locks/link.js'
import type { ServerConnection } from './connection/server-connection.js'

/** Advisory locks of PostgreSQL 14 and later, for one pool. */
export class PostgresDialect implements Dialect<PostgresConnection> {
  readonly hashOf: (keyId: string) => number = hashOf
  readonly #channel = new PostgresChannel()
  readonly #claim: BackendClaim | null

  /** Every lock session makes this claim, if the table for it exists. */
  constructor(claim: BackendClaim | null = null) {
    this.#claim = claim
  }

  encodeKey(key: LockKey, namespace: string): KeyCode {
    return encodeKey(key, namespace)
  }

  encodeSemaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode {
    return encodeSemaphore(key, permits, namespace)
  }

  async attach(
    connection: PostgresConnection,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    another: BorrowSecond<PostgresConnection> | null,
  ): Promise<LockLink> {
    const server = LeasedConnection.serverOf(connection)
    server.onEnd(ended)
    const second: BorrowSecond<ServerConnection> | null =
      another && ((use) => another((borrowed) => use(LeasedConnection.serverOf(borrowed))))
    try {
      const facts = await attach(server, settings, second)
      await this.#channel.learn(server, settings.fencing !== 'off')
      if (facts.keepsBackend) await this.#claimBackend(server)
      return new PostgresLink(server, facts, settings, this.#channel, ended)
    } catch (error) {
      throw explain(error)
    }
  }

  /** Records the backend. While the schema is being changed or dropped, locks work without the record. */
  async #claimBackend(server: ServerConnection): Promise<void> {
    if (this.#claim === null) return
    try {
      await claimBackend(async (text, values) => (await server.query(text, values)).rows, this.#claim)
    } catch (error) {
      if (!isPlaceGone(error)) throw error
    }
  }

  listen(connection: PostgresConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    return listen(LeasedConnection.serverOf(connection), this.#channel, handlers)
  }

  guard(transaction: Queryable, guarded: Guarded): Promise<void> {
    return guard(transaction, guarded)
  }

  recordLeader(connection: PostgresConnection, record: LeaderRecord): Promise<void> {
    return recordLeader(LeasedConnection.beneath(connection), record)
  }

  readLeader(connection: PostgresConnection, key: KeyCode): Promise<LeaderInfo | null> {
    return readLeader(LeasedConnection.beneath(connection), key)
  }

  writeNames(connection: PostgresConnection, names: readonly NamedKey[]): Promise<void> {
    return writeNames(LeasedConnection.beneath(connection), names)
  }

  writeReports(connection: PostgresConnection, rows: readonly ReportRow[], clockMs: number): Promise<void> {
    return writeReports(connection, rows, clockMs)
  }

  async findRecordTables(connection: PostgresConnection): Promise<RecordTables> {
    return recordTables(await findObjects(LeasedConnection.beneath(connection)))
  }

  takeReleaseRequests(
    connection: PostgresConnection,
    sessions: readonly number[],
  ): Promise<readonly ReleaseRequest[]> {
    return takeReleaseRequests(LeasedConnection.beneath(connection), sessions)
  }

  explain(error: unknown): LockError {
    return explain(error)
  }
}
