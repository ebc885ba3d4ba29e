import { ConnectionError, PoolerDetectedError } from '../../base/errors.js'
import type { Holding, LinkSettings, LockLink, TableUse } from '../dialect.js'
import type { KeyCode, LockMode } from '../lock-key.js'
import { SAID, type BatchReply, type LockOperation } from '../lock-operation.js'
import type { PermitOperation, PermitReply } from '../permit-operation.js'
import { decodeAnswers, encodeBatch, wantedIn } from './batch-codec.js'
import type { OwnValue } from './own-query.js'
import { Announcement, tableUse } from './postgres-announcement.js'
import { callMessage, ringMessages } from './postgres-bell.js'
import type { PostgresChannel } from './postgres-channel.js'
import type { ServerFacts } from './postgres-attach.js'
import { sqlState } from './postgres-errors.js'
import { PostgresFence } from './postgres-fence.js'
import { advisoryLocation, type PostgresKey } from './postgres-key.js'
import type { PostgresMarks } from './postgres-marks.js'
import { carryOutPermits } from './postgres-permits.js'
import { makeHold } from './postgres-reconcile.js'
import {
  BATCH,
  HEARTBEAT,
  PAIR_BATCH,
  PLAIN_BATCH,
  RELEASE_ONE,
  RETRY_ONE,
  RING,
  TELL,
  TRY_ONE,
} from './postgres-sql.js'
import { RESET_SETTINGS } from './settings-sql.js'
import { SETTLED } from './timeline-sql.js'
import { ADVISORY_HOLDERS } from './transaction-sql.js'
import { holdersInWords, type HolderRow } from './transaction-words.js'
import type { Prepared, ServerConnection } from './server-connection.js'

/** A connection to PostgreSQL in use for locks. */
export class PostgresLink implements LockLink {
  readonly serverId: number
  readonly capacity: number
  readonly capacityPerSession: number
  readonly leaseMs: number
  readonly settleMs: number
  readonly shortfall: string | null
  readonly keepsNames: boolean
  readonly keepsReports: boolean
  readonly #server: ServerConnection
  readonly #fence: PostgresFence
  readonly #started: string | null
  readonly #marks: PostgresMarks | null
  readonly #sender: string
  readonly #channel: PostgresChannel
  readonly #ended: (cause: Error) => void
  #announcement: Announcement | null = null
  /** Buckets that somebody was interested in of late, a bit each. */
  #wanted = 0
  #batches = 0

  /** `ended` is told if statements reach another server session than the one with the locks. */
  constructor(
    server: ServerConnection,
    facts: ServerFacts,
    settings: LinkSettings,
    channel: PostgresChannel,
    ended: (cause: Error) => void,
  ) {
    this.serverId = facts.pid
    this.capacity = facts.capacity
    this.capacityPerSession = facts.capacityPerSession
    this.leaseMs = facts.leaseMs
    this.settleMs = facts.settleMs
    this.shortfall = facts.shortfall
    this.keepsNames = facts.keepsNames
    this.keepsReports = facts.keepsReports
    this.#server = server
    this.#fence = new PostgresFence(server, facts, settings)
    this.#started = facts.started
    this.#marks = facts.marks
    this.#sender = settings.sender
    this.#channel = channel
    this.#ended = ended
  }

  get noFencing(): string | null {
    return this.#fence.noFencing
  }

  run(operations: readonly LockOperation[]): Promise<BatchReply> {
    if (this.#marks === null) return this.#runAll(operations)
    return this.#marks.around(operations, () => this.#runAll(operations))
  }

  async permits(operation: PermitOperation): Promise<PermitReply> {
    const ask = async <Row extends { pid: number }>(
      statement: Prepared,
      values: OwnValue[],
    ): Promise<Row> => {
      const [row] = await this.#ask<Row>(statement, values)
      this.#checkSession(row!.pid)
      return row!
    }
    return this.#fence.drawnForPermits(await carryOutPermits(ask, operation, this.#fence.oid))
  }

  settled(key: KeyCode, mode: LockMode): Promise<void> {
    return this.#marks === null ? Promise.resolve() : this.#marks.settled(key, mode)
  }

  async settle(): Promise<void> {
    if (this.#started !== null) await this.#server.query(SETTLED, [this.settleMs, this.#started])
  }

  goesWithoutTokens(error: unknown): boolean {
    return this.#fence.giveUp(error)
  }

  findTokens(): Promise<void> {
    return this.#fence.find()
  }

  async ring(keys: readonly KeyCode[]): Promise<ReadonlySet<string>> {
    const wanted = new Set<string>()
    for (const { head, ids, hashes } of ringMessages(this.#sender, keys as readonly PostgresKey[])) {
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

  async claim(key: KeyCode): Promise<void> {
    await this.#ask(STATEMENTS.tell, [this.#channel.name, callMessage(this.#sender, 'claim', key.id)])
  }

  async tell(message: string): Promise<void> {
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
    return makeHold(this.#server, this.serverId, expected)
  }

  async detach(): Promise<void> {
    const reset = this.#server.query(RESET_SETTINGS)
    this.#server.hasLostSettings = true
    // Behind it, because it is one of those that are reset, and every connection has it.
    await Promise.all([this.#announcement?.change(0), reset, this.#server.setClientCheck()])
  }

  /**
   * A batch of one is most often one of three things, which have statements of their own. Those do not say which session has
   * carried them out, so behind a pooler they are not used.
   */
  #runAll(operations: readonly LockOperation[]): Promise<BatchReply> {
    const [first] = operations
    if (this.serverId !== this.#server.processID) return this.#runMany(operations)
    if (operations.length === 1 && first!.mode === 'exclusive' && !(first!.key as PostgresKey).isPair) {
      if (first!.kind === 'try') return this.#tryOne(first!.key as PostgresKey)
      if (first!.kind === 'release') return this.#releaseOne(first!.key as PostgresKey)
      if (first!.kind === 'retry' || first!.kind === 'poll') return this.#retryOne(first!.key as PostgresKey)
    }
    return this.#runMany(operations)
  }

  async #tryOne({ bits }: PostgresKey): Promise<BatchReply> {
    const [row] = await this.#server.prepared<{ said: string }>(STATEMENTS.tryOne, [bits, this.#fence.oid])
    return this.#fence.drawn(attempted(row!.said))
  }

  async #retryOne({ bits, hash }: PostgresKey): Promise<BatchReply> {
    const values = [bits, hash, this.#fence.oid]
    const [row] = await this.#server.prepared<{ said: string }>(STATEMENTS.retryOne, values)
    return this.#fence.drawn(attempted(row!.said))
  }

  async #releaseOne({ bits, hash }: PostgresKey): Promise<BatchReply> {
    const [row] = await this.#server.prepared<{ said: string }>(STATEMENTS.releaseOne, [bits, hash])
    return { answers: row!.said, token: null, delaysMs: null }
  }

  /** Bigint keys and pairs are two statements, because their functions differ; nearly always there is only one kind. */
  async #runMany(operations: readonly LockOperation[]): Promise<BatchReply> {
    const pairs = operations.filter((operation) => (operation.key as PostgresKey).isPair)
    if (pairs.length === 0) return this.#runBatch(operations, false)
    if (pairs.length === operations.length) return this.#runBatch(operations, true)
    const bigints = operations.filter((operation) => !(operation.key as PostgresKey).isPair)
    // The later statement's token is drawn while what both have granted is held.
    const [first, second] = await Promise.all([this.#runBatch(bigints, false), this.#runBatch(pairs, true)])
    const answers = { bigint: first.answers[Symbol.iterator](), pair: second.answers[Symbol.iterator]() }
    const inOrder = operations.map(
      ({ key }) => answers[(key as PostgresKey).isPair ? 'pair' : 'bigint'].next().value!,
    )
    return { answers: inOrder.join(''), token: second.token ?? first.token, delaysMs: null }
  }

  async #runBatch(operations: readonly LockOperation[], isPair: boolean): Promise<BatchReply> {
    if (this.#batches++ % LEARN_AGAIN_AFTER === 0) this.#wanted = 0
    const { codes, keys, isPlain, mayGrant, buckets } = encodeBatch(operations, this.#wanted)
    const statement = isPair ? STATEMENTS.pairs : isPlain ? STATEMENTS.plain : STATEMENTS.full
    const values = [codes, keys, mayGrant ? this.#fence.oid : null]
    const [row] = await this.#ask<{ answers: string; token: string | null; pid: number }>(statement, values)
    this.#checkSession(row!.pid)
    const { answers, token } = row!
    const wanted = buckets.length === 0 ? 0 : wantedIn(answers, operations.length, buckets)
    this.#wanted |= wanted
    return this.#fence.drawn({ answers: decodeAnswers(answers, operations, wanted), token, delaysMs: null })
  }

  async #ask<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    try {
      return await this.#server.prepared<Row>(statement, values)
    } catch (error) {
      // A session that we have prepared it in would know it.
      if (sqlState(error) === INVALID_SQL_STATEMENT_NAME) this.#checkSession(null)
      throw error
    }
  }

  /**
   * A pooler may be told to pool in another way while we run: what is held is then with a session out of our reach. And in
   * an open transaction, which nothing of ours ever opens, the server would not watch the lease.
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
              `it (${this.serverId}): a connection pooler has changed over`,
          )
    this.#ended(cause)
    throw cause
  }
}

/** `said` is the token of what was granted, where there are tokens. */
function attempted(said: string): BatchReply {
  if (said === SAID.no || said === SAID.granted) return { answers: said, token: null, delaysMs: null }
  return { answers: SAID.granted, token: said, delaysMs: null }
}

const INVALID_SQL_STATEMENT_NAME = '26000'

/**
 * In a bucket that somebody is interested in, releases look for interest in their very key, which costs the server as much
 * as they do. After so many batches the bucket is looked into again: by then whoever waited may have gone.
 */
const LEARN_AGAIN_AFTER = 256

const STATEMENTS = {
  tryOne: { name: 'lockpool_try', text: TRY_ONE },
  retryOne: { name: 'lockpool_retry', text: RETRY_ONE },
  releaseOne: { name: 'lockpool_release', text: RELEASE_ONE },
  plain: { name: 'lockpool_plain', text: PLAIN_BATCH },
  full: { name: 'lockpool_batch', text: BATCH },
  pairs: { name: 'lockpool_pairs', text: PAIR_BATCH },
  ring: { name: 'lockpool_ring', text: RING },
  tell: { name: 'lockpool_tell', text: TELL },
  heartbeat: { name: 'lockpool_heartbeat', text: HEARTBEAT },
  holders: { name: 'lockpool_holders', text: ADVISORY_HOLDERS },
} as const
