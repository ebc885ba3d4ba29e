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
  savepointSql,
  settingsSql,
} from './passing-sql.js'
import { evaluationMessages, OneRow } from './evaluation.js'
import { readDescription } from './read-description.js'
import type { HasParty } from './stuck-parties.js'
import type { UpstreamConnection } from './upstream-connection.js'
import type { UpstreamLease } from './upstream-source.js'
import { UpstreamWait, type PassingPorts } from './upstream-wait.js'

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
 * The statements of one client at the upstream. A connection is leased when the first statement needs one, and released when
 * no transaction is open there. BEGIN is lazy: a transaction that only locks never gets there.
 */
export class PassingSession implements Passing {
  readonly rollback: string = ROLLBACK_UPSTREAM
  readonly #client: PassingClient
  readonly #ports: PassingPorts
  readonly #wait: UpstreamWait
  #lease: UpstreamLease | null = null
  /** BEGIN of the client has been sent. */
  #isBlock = false
  /** A transaction of ours stands around what would be one query string. */
  #isGroup = false
  /** Messages of the extended protocol have been sent without a Sync behind them. */
  #isUnsynced = false
  /**
   * The upstream has refused one of them: it ignores all messages until Sync, and rolls back an implicit transaction.
   */
  #isDeaf = false
  #isPinned = false

  constructor(client: PassingClient, ports: PassingPorts) {
    this.#client = client
    this.#ports = ports
    this.#wait = new UpstreamWait(client, ports)
  }

  get isAwaited(): boolean {
    return this.#wait.isWaiting
  }

  get hasConnection(): boolean {
    return this.#lease !== null && !this.#lease.connection.hasEnded
  }

  get isHeld(): boolean {
    this.#becomeBlock()
    return this.#lease !== null && this.#isBlock
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
      // What comes behind COMMIT in the same query string is a group of its own.
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
    // A description ends with that of the rows, of which there may be none.
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
    const connection = this.#lease?.connection
    if (connection === undefined) return
    try {
      await this.#synced(connection)
      if (this.#isGroup && !this.#client.transaction.isBlock) await this.#quietly(connection, COMMIT_UPSTREAM)
    } finally {
      if (!this.#client.transaction.isBlock) this.#settle(connection)
    }
  }

  async fail(): Promise<void> {
    const connection = this.#lease?.connection
    if (connection === undefined || connection.hasEnded) return
    if (this.#isUnsynced && !this.#isDeaf && !this.#isBlock)
      await this.command(ROLLBACK_UPSTREAM).catch(ignore)
    await this.#synced(connection).catch(ignore)
    this.#becomeBlock()
    if (this.#isGroup) await this.#quietly(connection, ROLLBACK_UPSTREAM).catch(ignore)
    this.#isGroup = false
  }

  cancel(): void {
    this.#wait.cancel(new SqlError('57014', 'canceling statement due to user request'))
    this.#lease?.connection.cancel()
  }

  close(): void {
    this.#wait.close(new FatalError('08006', 'the client has gone'))
    const connection = this.#lease?.connection
    if (connection === undefined) return
    const isClean = connection.status === 'I' && !connection.isBusy && !this.#isUnsynced && !this.#isPinned
    this.#giveBack(!isClean)
  }

  /** Gives the connection back, if nothing is open there. */
  #settle(connection: UpstreamConnection): void {
    this.#isBlock = false
    this.#isGroup = false
    const isOver = connection.status === 'I' || connection.hasEnded
    const mayKeep = (this.#ports.source.isKept || this.#isPinned) && !connection.hasEnded
    if (mayKeep && isOver) return
    this.#giveBack(!isOver || connection.hasEnded || this.#isPinned)
  }

  #giveBack(isBroken: boolean): void {
    const lease = this.#lease
    this.#lease = null
    if (lease === null) return
    lease.connection.lost = null
    lease.release(isBroken)
  }

  /** After BEGIN what was in a group so far belongs to the block, and is not undone by an error behind a savepoint. */
  #becomeBlock(): void {
    if (!this.#isGroup || !this.#client.transaction.isBlock) return
    this.#isGroup = false
    this.#isBlock = true
  }

  /** A connection with the client's settings, in its transaction. */
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

  /** A connection, if there is none, or the one that there was has ended with nothing open on it. */
  async #take(): Promise<UpstreamConnection> {
    if (this.#lease?.connection.hasEnded === true && !this.#isInUse) {
      this.#giveBack(true)
    }
    if (this.#lease === null) {
      this.#lease = await this.#wait.lease()
      const { connection } = this.#lease
      connection.lost = () => this.#lost()
    }
    return this.#lease.connection
  }

  /** Whether something would be lost with the connection. */
  get #isInUse(): boolean {
    return this.#isBlock || this.#isGroup || this.#isUnsynced || this.#isPinned
  }

  /** With a transaction, or locks that the client has taken there, the client's session has ended too. */
  #lost(): void {
    if (this.#isBlock || this.#isPinned) this.#client.end(gone())
  }

  /** Removes what others have left, and sets what the client has set. */
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

  /** To the client as it is, as fast as the client reads. */
  readonly #relay = ({ bytes, type }: Message): void => {
    if (type === errorResponse) return
    const { link } = this.#client
    link.send(bytes)
    link.flushIfMuch()
    const connection = this.#lease?.connection
    if (!link.isFull || connection === undefined) return
    connection.pause()
    void link.drained().then(() => connection.resume())
  }
}

function gone(): FatalError {
  return new FatalError('57P01', 'the connection to the upstream was lost')
}

function nothing(): void {
  // Its coming is all that matters.
}

function ignore(error: unknown): void {
  // The client gets the first error; these follow from it.
  if (!(error instanceof UpstreamError) && !(error instanceof FatalError)) throw error
}

/** Beyond the chunk it came in. */
function kept(message: Message): Message {
  return { ...message, body: Buffer.from(message.body), bytes: Buffer.from(message.bytes) }
}
