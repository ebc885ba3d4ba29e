import type { Cancel } from '../../base/clock.js'
import { BACKEND } from '../messages/backend.js'
import type { Message } from '../messages/message-reader.js'
import { FatalError, SqlError } from '../messages/sql-error.js'
import { UpstreamError } from '../messages/upstream-error.js'
import type { Bound } from '../prepared/bound.js'
import type { Evaluation } from '../sql/statement.js'
import type { ClientLink } from '../client/client-link.js'
import type { Description, Passing } from './passing.js'
import type { Settings } from '../client/client-settings.js'
import type { Transaction } from '../client/transaction.js'
import * as send from './frontend-messages.js'
import {
  BEGIN_UPSTREAM,
  CLEAN_UPSTREAM,
  COMMIT_UPSTREAM,
  ROLLBACK_UPSTREAM,
  rollbackToSql,
  savepointSql,
  settingsSql,
} from './passing-sql.js'
import { evaluationMessages, OneRow } from './evaluation.js'
import { readDescription } from './read-description.js'
import type { HasParty } from './deadlock-watch.js'
import type { UpstreamConnection } from './upstream-connection.js'
import type { UpstreamCheckout } from './upstream-source.js'
import { UpstreamWait, type PassingHost } from './upstream-wait.js'

/** The client whose statements are passed on. */
export interface PassingClient extends HasParty {
  readonly link: ClientLink
  readonly settings: Settings
  readonly transaction: Transaction
  /** Ends the session of the client. */
  end(error: FatalError): void
}

const { bindComplete, closeComplete, commandComplete, errorResponse, readyForQuery, rowDescription } = BACKEND

/**
 * Runs the statements of one client at the upstream. It checks a connection out when the first statement needs one, and in
 * when no transaction is open there. BEGIN is lazy: a transaction with only lock statements never reaches the upstream.
 */
export class PassingSession implements Passing {
  readonly rollback: string = ROLLBACK_UPSTREAM
  readonly #client: PassingClient
  readonly #host: PassingHost
  readonly #wait: UpstreamWait
  #checkout: UpstreamCheckout | null = null
  /** Whether the client's BEGIN has been sent. */
  #isBlock = false
  /** Whether the front has opened a transaction there for a query string that it sends in parts. */
  #isGroup = false
  /** Whether messages of the extended protocol have been sent without a Sync after them. */
  #isUnsynced = false
  /**
   * The upstream has refused one of these messages: it ignores all others until Sync, and rolls back an implicit transaction.
   */
  #isDeaf = false
  #isPinned = false

  constructor(client: PassingClient, host: PassingHost) {
    this.#client = client
    this.#host = host
    this.#wait = new UpstreamWait(client, host)
  }

  get isAwaited(): boolean {
    return this.#wait.isWaiting
  }

  get hasConnection(): boolean {
    return this.#checkout !== null && !this.#checkout.connection.hasEnded
  }

  get isInUse(): boolean {
    return this.hasConnection && (this.#wouldLose || this.running !== null)
  }

  get backend(): number | null {
    return this.#checkout?.connection.backend ?? null
  }

  get running(): number | null {
    return this.#checkout?.connection.running ?? null
  }

  watchWait(refuse: (error: SqlError) => void): Cancel | null {
    return this.isInUse ? this.#host.deadlocks.watch(this.#client, refuse) : null
  }

  get isHeld(): boolean {
    this.#becomeBlock()
    return this.#checkout !== null && this.#isBlock
  }

  pin(): void {
    this.#isPinned = true
  }

  async enterGroup(): Promise<void> {
    const connection = await this.#ready()
    if (this.#isBlock || this.#isGroup) return
    this.#isGroup = true
    await this.#quietly(connection, BEGIN_UPSTREAM)
  }

  async query(text: string): Promise<void> {
    const connection = await this.#ready()
    await this.#synced(connection)
    await connection.ask(send.query(text), readyForQuery, this.#relay)
  }

  async command(text: string): Promise<void> {
    const connection = await this.#ready()
    if (!this.#isUnsynced) {
      await this.#quietly(connection, text)
      // Statements after COMMIT in the same query string form a new group.
      if (connection.status === 'I') this.#isBlock = false
      return
    }
    const values = { portal: '', formats: [], values: [], resultFormats: [] }
    await this.#askUnsynced(connection, [send.parse(text, []), send.bind(values)], bindComplete, nothing)
    await this.#askUnsynced(connection, [send.execute('', 0)], commandComplete, nothing)
  }

  async describe(text: string, declared: readonly number[]): Promise<Description> {
    const connection = await this.#ready()
    const answers: Message[] = []
    const hear = (message: Message): void => void answers.push(kept(message))
    const messages = [send.parse(text, declared), send.describeStatement()]
    // The description of a statement ends with that of its rows, or with NoData.
    await this.#askUnsynced(connection, messages, rowDescription, hear)
    return readDescription(answers)
  }

  async bind(text: string, declared: readonly number[], bound: Bound): Promise<void> {
    const connection = await this.#ready()
    const { message } = bound
    const messages = [send.parse(text, declared), send.bind(message!)]
    await this.#askUnsynced(connection, messages, bindComplete, nothing)
  }

  async describePortal(portal: string): Promise<void> {
    const connection = await this.#ready()
    await this.#askUnsynced(connection, [send.describePortal(portal)], rowDescription, this.#relay)
  }

  async execute(portal: string, maxRows: number): Promise<void> {
    const connection = await this.#ready()
    await this.#askUnsynced(connection, [send.execute(portal, maxRows)], commandComplete, this.#relay)
  }

  async closePortal(portal: string): Promise<void> {
    const connection = await this.#ready()
    await this.#askUnsynced(connection, [send.closePortal(portal)], closeComplete, nothing)
  }

  async evaluate(evaluation: Evaluation, bound: Bound): Promise<readonly (string | null)[]> {
    const connection = await this.#ready()
    const rows = new OneRow()
    await this.#askUnsynced(connection, evaluationMessages(evaluation, bound), commandComplete, rows.hear)
    return rows.only
  }

  async sync(): Promise<void> {
    const connection = this.#checkout?.connection
    if (connection === undefined) return
    try {
      await this.#synced(connection)
      if (this.#isGroup && !this.#client.transaction.isBlock) await this.#quietly(connection, COMMIT_UPSTREAM)
    } finally {
      if (!this.#client.transaction.isBlock) this.#settle(connection)
    }
  }

  async fail(): Promise<void> {
    const connection = this.#checkout?.connection
    if (connection === undefined || connection.hasEnded) return
    if (this.#isUnsynced && !this.#isDeaf && !this.#isBlock)
      await this.command(ROLLBACK_UPSTREAM).catch(ignore)
    await this.#synced(connection).catch(ignore)
    this.#becomeBlock()
    if (this.#isGroup) await this.#quietly(connection, ROLLBACK_UPSTREAM).catch(ignore)
    this.#isGroup = false
    if (this.#isBlock && connection.status === 'T') await this.#failBlock(connection)
  }

  /**
   * The front has failed a statement of a block, which the upstream does not know. There too, rows that were locked since the last
   * savepoint must be free at once, as after an error of the server.
   */
  async #failBlock(connection: UpstreamConnection): Promise<void> {
    const { transaction } = this.#client
    if (transaction.hasFailed) return
    const savepoint = transaction.savepoints.at(-1)
    const undo = savepoint === undefined ? ROLLBACK_UPSTREAM : rollbackToSql(savepoint)
    await this.#quietly(connection, undo).catch(ignore)
    if (savepoint === undefined) this.#settle(connection)
  }

  cancel(): void {
    this.#wait.cancel(new SqlError('57014', 'canceling statement due to user request'))
    this.#checkout?.connection.cancel()
  }

  close(): void {
    this.#wait.close(new FatalError('08006', 'the client has gone'))
    const connection = this.#checkout?.connection
    if (connection === undefined) return
    const isClean = connection.status === 'I' && !connection.isBusy && !this.#isUnsynced && !this.#isPinned
    this.#checkIn(!isClean)
  }

  /** Releases the connection, unless something is open there. */
  #settle(connection: UpstreamConnection): void {
    this.#isBlock = false
    this.#isGroup = false
    const isOver = connection.status === 'I' || connection.hasEnded
    const mayKeep = (this.#host.source.isKept || this.#isPinned) && !connection.hasEnded
    if (mayKeep && isOver) return
    this.#checkIn(!isOver || connection.hasEnded || this.#isPinned)
  }

  #checkIn(isBroken: boolean): void {
    const lease = this.#checkout
    this.#checkout = null
    if (lease === null) return
    lease.connection.lost = null
    lease.release(isBroken)
  }

  /** After BEGIN, earlier statements of the group belong to the block. An error after a savepoint does not undo them. */
  #becomeBlock(): void {
    if (!this.#isGroup || !this.#client.transaction.isBlock) return
    this.#isGroup = false
    this.#isBlock = true
  }

  /** The client's connection, with its settings and in its transaction. */
  async #ready(): Promise<UpstreamConnection> {
    const { transaction } = this.#client
    const connection = await this.#take()
    if (connection.hasEnded) throw gone()
    if (!this.#isBlock && !this.#isUnsynced && !this.#isGroup) await this.#adopt(connection)
    this.#becomeBlock()
    if (transaction.isBlock && !this.#isBlock) {
      await this.#synced(connection)
      this.#isBlock = true
      await this.#quietly(connection, transaction.begunWith!)
      for (const name of transaction.savepoints) await this.#quietly(connection, savepointSql(name))
    }
    return connection
  }

  /** The client's connection. It takes a new one if there is none, or if the old one has ended while unused. */
  async #take(): Promise<UpstreamConnection> {
    if (this.#checkout?.connection.hasEnded === true && !this.#wouldLose) {
      this.#checkIn(true)
    }
    if (this.#checkout === null) {
      this.#checkout = await this.#wait.lease()
      const { connection } = this.#checkout
      connection.lost = () => this.#lost()
    }
    return this.#checkout.connection
  }

  /** Whether the end of the connection would lose something. */
  get #wouldLose(): boolean {
    return this.#isBlock || this.#isGroup || this.#isUnsynced || this.#isPinned
  }

  /** If the client had a transaction or locks on the connection, the client's session ends too. */
  #lost(): void {
    if (this.#isBlock || this.#isPinned) this.#client.end(gone())
  }

  /** Removes the session state of other clients, and applies the settings of this one. */
  async #adopt(connection: UpstreamConnection): Promise<void> {
    const changes = new Map(this.#client.settings.changes)
    changes.delete('client_encoding')
    const wanted = JSON.stringify([...changes])
    if (connection.servedLast === this && connection.settings === wanted) return
    if (connection.servedLast !== null) await this.#quietly(connection, CLEAN_UPSTREAM)
    connection.servedLast = this
    if (changes.size > 0) await this.#quietly(connection, settingsSql(changes))
    connection.settings = wanted
  }

  async #synced(connection: UpstreamConnection): Promise<void> {
    if (!this.#isUnsynced) return
    this.#isUnsynced = false
    this.#isDeaf = false
    await connection.ask(send.SYNC, readyForQuery, nothing)
  }

  async #quietly(connection: UpstreamConnection, text: string): Promise<void> {
    await connection.ask(send.query(text), readyForQuery, nothing)
  }

  async #askUnsynced(
    connection: UpstreamConnection,
    messages: readonly Buffer[],
    until: number,
    hear: (message: Message) => void,
  ): Promise<void> {
    this.#isUnsynced = true
    try {
      await connection.ask(Buffer.concat([...messages, send.FLUSH]), until, hear)
    } catch (error) {
      this.#isDeaf = true
      throw error
    }
  }

  /** Forwards a message unchanged, as fast as the client reads. */
  readonly #relay = ({ bytes, type }: Message): void => {
    if (type === errorResponse) return
    const { link } = this.#client
    link.send(bytes)
    link.flushIfMuch()
    const connection = this.#checkout?.connection
    if (!link.isFull || connection === undefined) return
    connection.pause()
    void link.drained().then(() => connection.resume())
  }
}

function gone(): FatalError {
  return new FatalError('57P01', 'the connection to the upstream was lost')
}

function nothing(): void {
  // Only the arrival of the message matters.
}

function ignore(error: unknown): void {
  // The client gets the first error. Later errors follow from it.
  if (!(error instanceof UpstreamError) && !(error instanceof FatalError)) throw error
}

/** A copy that outlives the chunk in which the message arrived. */
function kept(message: Message): Message {
  return { ...message, body: Buffer.from(message.body), bytes: Buffer.from(message.bytes) }
}
