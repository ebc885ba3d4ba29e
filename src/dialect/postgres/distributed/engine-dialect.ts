import type { Borrow, Dialect, ListeningConnection, NotificationHandlers } from '../../dialect.js'
import type { LeaderInfo, LeaderRecord } from '../../leader.js'
import type { KeyCode } from '../../lock-key.js'
import type { NamedKey } from '../../named-key.js'
import type { Joined, Joining } from '../../rows/joining.js'
import type { PostgresConnection } from '../connection/connection.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import { isBroken } from '../table/statement-runner.js'
import { TableDialect, type TableDialectOptions } from '../table/table-dialect.js'
import { findEngine, type Engine } from './engine.js'
import { joinDistributed } from './join.js'
import { readDistributedLeader, recordDistributedLeader } from './leader.js'
import { pollRows } from './polling.js'

/** Rows with leases, written as the engine of the server allows. Without a given engine, the server is asked once. */
export class EngineDialect extends TableDialect implements Dialect<PostgresConnection> {
  #engine: Engine | null

  constructor(options: TableDialectOptions, engine: Engine | null) {
    super(options)
    this.#engine = engine
  }

  protected override async makeMember(borrow: Borrow<PostgresConnection>, joining: Joining): Promise<Joined> {
    const engine = this.#engine ?? (await borrow((borrowed) => this.#engineOf(borrowed), isBroken))
    return engine === 'distributed'
      ? joinDistributed(borrow, joining, this.options.random)
      : super.makeMember(borrow, joining)
  }

  override async listen(
    connection: PostgresConnection,
    handlers: NotificationHandlers,
  ): Promise<ListeningConnection> {
    if ((await this.#engineOf(connection)) === 'postgres') return super.listen(connection, handlers)
    const { waits } = this
    return pollRows(LeasedConnection.serverOf(connection), { waits, handlers, random: this.options.random })
  }

  override async recordLeader(connection: PostgresConnection, record: LeaderRecord): Promise<void> {
    if ((await this.#engineOf(connection)) === 'postgres') return super.recordLeader(connection, record)
    return recordDistributedLeader(LeasedConnection.beneath(connection), record)
  }

  override async readLeader(connection: PostgresConnection, key: KeyCode): Promise<LeaderInfo | null> {
    if ((await this.#engineOf(connection)) === 'postgres') return super.readLeader(connection, key)
    return readDistributedLeader(LeasedConnection.beneath(connection), key)
  }

  override async writeNames(connection: PostgresConnection, names: readonly NamedKey[]): Promise<void> {
    if ((await this.#engineOf(connection)) === 'postgres') await super.writeNames(connection, names)
  }

  async #engineOf(connection: PostgresConnection): Promise<Engine> {
    this.#engine ??= await findEngine(LeasedConnection.serverOf(connection))
    return this.#engine
  }
}
