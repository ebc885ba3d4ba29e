import { systemClock } from '../../../base/clock.js'
import { ConnectionError, PoolerDetectedError } from '../../../base/errors.js'
import type { Holding, LinkSettings, LockLink, TableUse } from '../../dialect.js'
import type { ServerName } from '../../server-name.js'
import type { KeyCode, LockMode } from '../../lock-key.js'
import type { BatchReply, LockOperation } from '../../lock-operation.js'
import type { PermitOperation, PermitReply } from '../../permit-operation.js'
import { Announcement, tableUse } from './announcement.js'
import { PostgresBatches } from './batches.js'
import { callMessage, notifyMessages } from '../notify/notifications.js'
import type { PostgresChannel } from '../notify/channel.js'
import type { ServerFacts } from '../session/attach.js'
import { sqlState } from '../connection/server-errors.js'
import { PostgresFence } from '../fencing/fence.js'
import { advisoryLocation, type PostgresKey } from '../keys/key.js'
import type { PostgresHoldRecords } from '../fencing/hold-records.js'
import { ServerQueue, type QueueWait } from './server-queue.js'
import { IS_QUEUED_FOR } from './server-queue-sql.js'
import { carryOutPermits } from './permits.js'
import { makeHold } from './reconcile.js'
import { IS_WANTED, NOTIFY_WAITERS, SEND_NOTIFICATION } from '../notify/notify-sql.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'
import { RESET_SETTINGS } from '../session/settings-sql.js'
import { serverName } from '../timeline/server-identity.js'
import { SETTLED } from '../timeline/timeline-sql.js'
import { ADVISORY_HOLDERS } from '../transaction/transaction-sql.js'
import { holdersInWords, type HolderRow } from '../transaction/transaction-words.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** A connection to PostgreSQL that carries locks. */
export class PostgresLink implements LockLink {
  readonly serverId: number
  readonly server: ServerName
  readonly capacity: number
  readonly capacityPerSession: number
  readonly leaseMs: number
  readonly attachDelayMs: number
  readonly shortfall: string | null
  readonly keepsNames: boolean
  readonly keepsReports: boolean
  readonly receivesRequests: boolean
  readonly #server: ServerConnection
  readonly #fence: PostgresFence
  readonly #started: string | null
  readonly #holdRecords: PostgresHoldRecords | null
  readonly #batches: PostgresBatches
  readonly #queue: ServerQueue
  readonly #sender: string
  readonly #channel: PostgresChannel
  readonly #ended: (cause: Error) => void
  #announcement: Announcement | null = null

  /** Calls `ended` if statements reach another server session than the one that holds the locks. */
  constructor(
    server: ServerConnection,
    facts: ServerFacts,
    settings: LinkSettings,
    channel: PostgresChannel,
    ended: (cause: Error) => void,
  ) {
    this.serverId = facts.pid
    this.server = serverName(server.place, facts.identity)
    this.capacity = facts.capacity
    this.capacityPerSession = facts.capacityPerSession
    this.leaseMs = facts.leaseMs
    this.attachDelayMs = facts.attachDelayMs
    this.shortfall = facts.shortfall
    this.keepsNames = facts.keepsNames
    this.keepsReports = facts.keepsReports
    this.receivesRequests = facts.receivesRequests
    this.#server = server
    this.#fence = new PostgresFence(server, facts, settings)
    this.#started = facts.started
    this.#queue = new ServerQueue(server, facts.quietWaitMs)
    this.#holdRecords = facts.holdRecords
    this.#sender = settings.sender
    this.#channel = channel
    this.#ended = ended
    this.#batches = new PostgresBatches(facts.pid, {
      clock: systemClock,
      fence: () => this.#fence.oid,
      prepared: (statement, values) => server.prepared(statement, values),
      ask: this.#askOne,
    })
  }

  get noFencing(): string | null {
    return this.#fence.noFencing
  }

  run(operations: readonly LockOperation[]): Promise<BatchReply> {
    if (this.#holdRecords === null) return this.#runAll(operations)
    return this.#holdRecords.around(operations, () => this.#runAll(operations))
  }

  get longestWaitMs(): number {
    return this.#queue.longestWaitMs
  }

  enqueue(operation: LockOperation, waitMs: number): Promise<BatchReply> {
    const enqueue = async (): Promise<BatchReply> => {
      const key = operation.key as PostgresKey
      const { oid } = this.#fence
      return this.#fence.drawn(await this.#queue.enqueue(key, operation.mode, waitMs, oid, this.#checkPid))
    }
    return this.#holdRecords === null ? enqueue() : this.#holdRecords.around([operation], enqueue)
  }

  readonly #checkPid = (pid: number): void => this.#checkSession(pid)

  async #runAll(operations: readonly LockOperation[]): Promise<BatchReply> {
    const isBehindPooler = this.serverId !== this.#server.processID
    return this.#fence.drawn(await this.#batches.run(operations, isBehindPooler))
  }

  async permits(operation: PermitOperation): Promise<PermitReply> {
    const { book } = this.#batches
    return this.#fence.drawnForPermits(
      await carryOutPermits(this.#askOne, this.#askInQueue, operation, this.#fence.oid, book),
    )
  }

  delayEnded(key: KeyCode, mode: LockMode): Promise<void> {
    return this.#holdRecords === null ? Promise.resolve() : this.#holdRecords.delayEnded(key, mode)
  }

  async attachDelayEnded(): Promise<void> {
    if (this.#started !== null) await this.#server.query(SETTLED, [this.attachDelayMs, this.#started])
  }

  goesWithoutTokens(error: unknown): boolean {
    return this.#fence.giveUp(error)
  }

  findTokens(): Promise<void> {
    return this.#fence.find()
  }

  async notify(keys: readonly KeyCode[]): Promise<ReadonlySet<string>> {
    const wanted = new Set<string>()
    for (const { head, ids, hashes } of notifyMessages(this.#sender, keys as readonly PostgresKey[])) {
      const rows = await this.#ask<{ wanted: string }>(STATEMENTS.ring, [
        head,
        ids,
        hashes,
        this.#channel.secretName,
      ])
      for (const { wanted: some } of rows) for (const id of some.split(' ')) wanted.add(id)
    }
    return wanted
  }

  async isWanted(key: KeyCode): Promise<boolean> {
    const { hash } = key as PostgresKey
    return (await this.#askOne<{ is_wanted: boolean; pid: number }>(STATEMENTS.isWanted, [hash])).is_wanted
  }

  async isQueuedFor(key: KeyCode): Promise<boolean> {
    const values = advisoryLocation(key as PostgresKey)
    const row = await this.#askOne<{ is_queued_for: boolean; pid: number }>(STATEMENTS.isQueuedFor, values)
    return row.is_queued_for
  }

  async sendTicket(key: KeyCode): Promise<void> {
    await this.#ask(STATEMENTS.tell, [this.#channel.name, callMessage(this.#sender, 'claim', key.id)])
  }

  async broadcast(message: string): Promise<void> {
    const { secretName } = this.#channel
    const sealed = this.#channel.seal(message)
    if (secretName === null || sealed === null) return
    await this.#ask(STATEMENTS.tell, [secretName, callMessage(this.#sender, 'tell', sealed)])
  }

  announce(sender: string, entries: number): Promise<void> {
    this.#announcement ??= new Announcement(this.#server, sender)
    return this.#announcement.change(entries)
  }

  tableUse(ours: readonly number[]): Promise<TableUse> {
    return tableUse(this.#server, this.#sender, ours)
  }

  async holderOf(key: KeyCode): Promise<string | null> {
    const rows = await this.#ask<HolderRow>(STATEMENTS.holders, advisoryLocation(key as PostgresKey))
    return holdersInWords(rows)
  }

  async heartbeat(): Promise<void> {
    const [row] = await this.#ask<{ pid: number }>(STATEMENTS.heartbeat, [])
    this.#checkSession(row!.pid)
  }

  reconcile(expected: readonly Holding[]): Promise<readonly Holding[]> {
    this.#batches.rest()
    return makeHold(this.#server, this.serverId, expected, this.#batches.book)
  }

  async detach(): Promise<void> {
    // These statements still run under the settings of a lock session.
    const dropped = this.#batches.end()
    const reset = this.#server.query(RESET_SETTINGS)
    this.#server.hasLostSettings = true
    // Sent after the reset, which also removes this setting. Every connection has it.
    const check = this.#server.setClientCheck()
    await Promise.all([dropped, this.#announcement?.change(0), reset, check])
    this.#server.isPrompt = false
  }

  readonly #askOne = async <Row extends { readonly pid: number }>(
    statement: Prepared,
    values: OwnValue[],
  ): Promise<Row> => {
    const [row] = await this.#ask<Row>(statement, values)
    this.#checkSession(row!.pid)
    return row!
  }

  readonly #askInQueue = async <Row extends { readonly pid: number }>(
    wait: QueueWait,
    statement: Prepared,
    values: OwnValue[],
  ): Promise<Row> => {
    const row = await this.#queue.behind<Row>(wait, statement, values)
    this.#checkSession(row.pid)
    return row
  }

  async #ask<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    try {
      return await this.#server.prepared<Row>(statement, values)
    } catch (error) {
      // The session that holds the locks has this statement prepared, so another session has answered.
      if (sqlState(error) === INVALID_SQL_STATEMENT_NAME) this.#checkSession(null)
      throw error
    }
  }

  /**
   * Detects that statements reach another server session. A pooler may change its mode while the process runs; then the
   * locks are in a session that is out of reach. It also detects an open transaction, in which the server would not
   * enforce the lease. We never open one.
   */
  #checkSession(pid: number | null): void {
    if (pid === this.serverId && !this.#server.isInTransaction) return
    const cause =
      pid === this.serverId
        ? new ConnectionError(
            'a transaction is open on its session, in which the server does not watch the lease',
          )
        : new PoolerDetectedError(
            `its statements reach another server session${pid === null ? '' : ` (${pid})`} than the one that holds ` +
              `it (${this.serverId}): a connection pooler has switched server sessions`,
          )
    this.#ended(cause)
    throw cause
  }
}

const INVALID_SQL_STATEMENT_NAME = '26000'

const STATEMENTS = {
  ring: { name: 'lockpool_ring', text: NOTIFY_WAITERS },
  isWanted: { name: 'lockpool_is_wanted', text: IS_WANTED },
  isQueuedFor: { name: 'lockpool_is_queued_for', text: IS_QUEUED_FOR },
  tell: { name: 'lockpool_tell', text: SEND_NOTIFICATION },
  heartbeat: { name: 'lockpool_heartbeat', text: HEARTBEAT },
  holders: { name: 'lockpool_holders', text: ADVISORY_HOLDERS },
} as const
