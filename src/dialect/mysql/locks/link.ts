import { ConnectionError, PoolerDetectedError } from '../../../base/errors.js'
import type { Holding, LinkSettings, LockLink, TableUse } from '../../dialect.js'
import type { KeyCode, LockMode } from '../../lock-key.js'
import { isGranted, SAID, type BatchReply, type LockOperation } from '../../lock-operation.js'
import type { ServerName } from '../../server-name.js'
import type { PermitOperation, PermitReply } from '../../permit-operation.js'
import { holderOf, WHO } from '../session/attach-sql.js'
import { findFencing, SWITCHED, type Fencing, type ServerFacts } from '../session/attach.js'
import { batchOf, batchParameter, parametersOf, recordAnswer, type BatchEntry } from './batch.js'
import { BATCH_WITH_TOKEN, BATCH_WITHOUT_TOKEN, RECONCILE, WITH_TOKEN, WITHOUT_TOKEN } from './batch-sql.js'
import type { NotificationListeners } from '../notify/listeners.js'
import { Fence } from '../fencing/fence.js'
import { Holdings, isShape } from './holdings.js'
import { RegistrationBook } from '../notify/registration-book.js'
import { registrationNames, slotNames } from '../keys/lock-names.js'
import { queueNameOf, MysqlServerQueue, type QueueWait } from './server-queue.js'
import { SharedBatch } from './shared-batch.js'
import { sharedStatements } from './shared-sql.js'
import { IS_WANTED_OR_AWAITED } from './permit-sql.js'
import { doubtfulNames, Permits } from './permits.js'
import { wakeWaiters } from '../notify/notify.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'

const NO_USE: TableUse = {
  ...{
    pools: 0,
    announced: 0,
    foreignPools: 0,
    foreignAnnounced: 0,
    foreignHeld: 0,
    unannounced: 0,
    costMs: 0,
  },
}

/** A session holds a name at most twice, but a statement may have been sent again. */
const MAX_RELEASES = 8

/** One connection that holds named locks. */
export class MysqlLink implements LockLink {
  readonly serverId: number
  readonly server: ServerName
  /** Named locks are kept in memory, without a practical limit. */
  readonly capacity: number = Infinity
  readonly capacityPerSession: number = Infinity
  readonly leaseMs: number
  readonly attachDelayMs: number = 0
  readonly shortfall: string | null
  readonly keepsReports: boolean = false
  readonly #server: ServerConnection
  readonly #facts: ServerFacts
  readonly #settings: LinkSettings
  readonly #listeners: NotificationListeners
  readonly #holdings = new Holdings()
  readonly #registrations: RegistrationBook
  readonly #queue: MysqlServerQueue
  readonly #sharedSlots: number
  readonly #ended: (cause: Error) => void
  readonly #unsubscribe: () => void
  #fencing: Fencing

  constructor(
    server: ServerConnection,
    facts: ServerFacts,
    fencing: Fencing,
    settings: LinkSettings,
    listeners: NotificationListeners,
    ended: (cause: Error) => void,
  ) {
    this.serverId = server.threadId
    // These servers do not reveal which servers form a cluster, nor in which order they were primaries.
    const unknown = { timeline: null, system: null, started: null }
    this.server = { host: server.place, ...unknown, instance: facts.identity }
    this.leaseMs = settings.leaseMs
    this.shortfall = facts.unchecked
    this.#server = server
    server.isPrompt = true
    this.#facts = facts
    this.#fencing = fencing
    this.#settings = settings
    this.#listeners = listeners
    this.#sharedSlots = listeners.sharedSlots
    this.#ended = ended
    this.#queue = new MysqlServerQueue(facts.isMariaDb, this.#sharedSlots, {
      ask: (sql, values) => this.#ask(sql, values),
      waiting: (isWaiting) => listeners.waits(server, isWaiting),
    })
    this.#registrations = new RegistrationBook(listeners.armed, () => listeners.changed())
    listeners.joined(server)
    this.#unsubscribe = server.onEnd((cause) => {
      this.#over()
      ended(cause)
    })
  }

  get noFencing(): string | null {
    return typeof this.#fencing === 'string' ? this.#fencing : null
  }

  /** The table of names is created with those for tokens. */
  get keepsNames(): boolean {
    return this.noFencing === null
  }

  get longestWaitMs(): number {
    return this.#queue.longestWaitMs
  }

  async enqueue({ mode, key: { id: name } }: LockOperation, waitMs: number): Promise<BatchReply> {
    try {
      const { said, slot, token } = await this.#enqueue(name, waitMs, mode)
      if (slot !== null) this.#holdings.acquiredSlot(name, slot)
      else if (isGranted(said)) this.#holdings.acquired(name)
      return { answers: said, token, delaysMs: null }
    } catch (error) {
      this.#holdings.doubt([name, queueNameOf(name), ...slotNames(name, this.#sharedSlots)])
      throw error
    }
  }

  async run(operations: readonly LockOperation[]): Promise<BatchReply> {
    if (this.#sharedSlots > 0) return this.#runShared(operations)
    const entries = batchOf(operations, this.#registrations)
    try {
      const reply = entries.length === 1 ? await this.#runOne(entries[0]!) : await this.#runAll(entries)
      this.#account(entries, reply.answers)
      return reply
    } catch (error) {
      for (const { name } of entries) this.#holdings.doubt([name, ...registrationNames(name)])
      throw error
    }
  }

  async permits(operation: PermitOperation): Promise<PermitReply> {
    const fencing = this.#fencing
    const permits = new Permits({
      ask: (sql, values) => this.#ask(sql, values),
      enqueue: (name, waitMs) => this.#enqueue(name, waitMs, 'permit'),
      holdings: this.#holdings,
      registrations: this.#registrations,
      token: typeof fencing === 'string' ? null : (drawn) => this.#saw(fencing.token(drawn)),
    })
    try {
      return await permits.run(operation)
    } catch (error) {
      this.#holdings.doubt(doubtfulNames(operation))
      throw error
    }
  }

  notify(keys: readonly KeyCode[]): Promise<ReadonlySet<string>> {
    return wakeWaiters(this.#server, keys)
  }

  /** Only statements with special privileges show which sessions wait in GET_LOCK. */
  async isQueuedFor(_key: KeyCode): Promise<boolean> {
    return false
  }

  async isWanted({ id }: KeyCode): Promise<boolean> {
    const [isWanted] = await this.#ask(IS_WANTED_OR_AWAITED, [...registrationNames(id), queueNameOf(id)])
    return Number(isWanted) === 1
  }

  /** There is no way to send a message to all other processes. Sessions in a queue are served in order without it. */
  async sendTicket(_key: KeyCode): Promise<void> {}

  async broadcast(_message: string): Promise<void> {}

  async announce(_sender: string, _entries: number): Promise<void> {}

  async tableUse(_ours: readonly number[]): Promise<TableUse> {
    return NO_USE
  }

  async delayEnded(): Promise<void> {}

  async attachDelayEnded(): Promise<void> {}

  /** Drawing a token needs no table. */
  goesWithoutTokens(_error: unknown): boolean {
    return false
  }

  async findTokens(): Promise<void> {
    this.#fencing = await findFencing(this.#server, this.#facts, this.#settings)
  }

  async holderOf({ id }: KeyCode): Promise<string | null> {
    const names = [id, ...slotNames(id, this.#sharedSlots)]
    const [holder] = await this.#ask(holderOf(names.length), names)
    if (holder === null || Number(holder) === this.serverId) return null
    const row = (await this.#server.say(WHO, [holder!]))[0]
    return row === undefined ? `connection ${holder}` : `connection ${holder} of ${row[0]} at ${row[1]}`
  }

  async heartbeat(): Promise<void> {
    await this.#server.ping()
  }

  async reconcile(expected: readonly Holding[]): Promise<readonly Holding[]> {
    const plan = this.#holdings.planReconcile(expected, this.#registrations)
    const missing = new Set<string>()
    let unwanted = plan.unwanted
    const entries = plan.expected.map(({ name }) => name)
    for (let round = 0; round < MAX_RELEASES && (round === 0 || unwanted.length > 0); round++) {
      const names = [...(round === 0 ? entries : []), ...unwanted]
      if (names.length === 0) break
      const answers = await this.#reconcileNames(names, round === 0 ? entries.length : 0)
      for (const [i, name] of names.entries()) if (answers[i] === 'm') missing.add(name)
      unwanted = names.filter((_, i) => answers[i] === '2')
    }
    if (unwanted.length > 0) throw new ConnectionError('a session holds a lock more times than is possible')
    this.#holdings.reconciled(plan, missing, this.#registrations)
    return plan.expected
      .filter(({ name, holding: { key, what } }) => {
        const isLock = what === 'exclusive' || (what === 'shared' && !isShape(key.id))
        return isLock && missing.has(name)
      })
      .map(({ holding }) => holding)
  }

  async detach(): Promise<void> {
    this.#over()
    this.#unsubscribe()
    await this.#server.reset()
  }

  async #enqueue(
    name: string,
    waitMs: number,
    mode: LockMode | 'permit',
  ): Promise<Pick<QueueWait, 'said' | 'slot'> & { token: string | null }> {
    const fencing = this.#fencing
    const isDrawing = typeof fencing !== 'string'
    const { said, slot, drawn } = await this.#queue.enqueue(name, waitMs, isDrawing, mode)
    return { said, slot, token: isDrawing && drawn !== null ? this.#saw(fencing.token(drawn)) : null }
  }

  async #runShared(operations: readonly LockOperation[]): Promise<BatchReply> {
    const fencing = this.#fencing
    const batch = new SharedBatch(operations, {
      holdings: this.#holdings,
      registrations: this.#registrations,
    })
    try {
      const statements = sharedStatements(this.#sharedSlots, typeof fencing !== 'string')
      const [said, ofBatch] = await this.#ask(...batch.statement(statements))
      const reply = batch.decode(String(said))
      if (reply === null)
        throw new ConnectionError(`the server answered ${operations.length} operations in part`)
      const drawn = operations.length === 1 ? reply.drawn : ofBatch
      const token =
        drawn === null || typeof fencing === 'string' ? null : this.#saw(fencing.token(String(drawn)))
      return { answers: reply.answers, token, delaysMs: null }
    } catch (error) {
      this.#holdings.doubt(batch.doubtfulNames(this.#sharedSlots))
      throw error
    }
  }

  async #runOne(entries: BatchEntry): Promise<BatchReply> {
    const fencing = this.#fencing
    const statements = typeof fencing === 'string' ? WITHOUT_TOKEN : WITH_TOKEN
    const statement = statements[entries.operation]
    const answer = String((await this.#ask(statement.sql, parametersOf(statement, entries)))[0])
    if (answer.length === 1)
      return { answers: recordAnswer(answer, entries, this.#registrations), token: null, delaysMs: null }
    const token = this.#saw((fencing as Fence).token(answer))
    return { answers: recordAnswer(SAID.granted, entries, this.#registrations), token, delaysMs: null }
  }

  async #runAll(entries: readonly BatchEntry[]): Promise<BatchReply> {
    const fencing = this.#fencing
    const sql = typeof fencing === 'string' ? BATCH_WITHOUT_TOKEN : BATCH_WITH_TOKEN
    const [said, drawn] = await this.#ask(sql, [batchParameter(entries)])
    const all = String(said)
    if (all.length !== entries.length)
      throw new ConnectionError(`the server answered ${all.length} of ${entries.length} operations`)
    let answers = ''
    for (let i = 0; i < entries.length; i++)
      answers += recordAnswer(all[i]!, entries[i]!, this.#registrations)
    const isDrawn = drawn !== null && typeof fencing !== 'string'
    return { answers, token: isDrawn ? this.#saw(fencing.token(String(drawn))) : null, delaysMs: null }
  }

  #account(entries: readonly BatchEntry[], answers: string): void {
    for (let i = 0; i < entries.length; i++) {
      const { name, kind } = entries[i]!
      const answer = answers[i]
      if (answer === SAID.granted) this.#holdings.acquired(name)
      else if (kind === 'release' || kind === 'releaseEarly' || kind === 'yield')
        this.#holdings.released(name)
    }
  }

  async #reconcileNames(names: readonly string[], expected: number): Promise<string> {
    const rows = names.map((name, i) => `[${i < expected ? 1 : 0},"${name}"]`)
    const [answers] = await this.#ask(RECONCILE, [`[${rows.join(',')}]`])
    return String(answers)
  }

  /** Every statement returns, in its last column, the session that has run it. */
  async #ask(sql: string, values: readonly (string | number)[]): Promise<OwnRow> {
    const row = await this.#server.ask(sql, values)
    if (Number(row.at(-1)) === this.serverId) return row
    const cause = new PoolerDetectedError(SWITCHED)
    this.#ended(cause)
    throw cause
  }

  #saw(token: string): string {
    this.#settings.seen.saw(token)
    return token
  }

  #over(): void {
    this.#registrations.clear()
    this.#listeners.detached(this.#server)
  }
}
