import type { Cancel } from '../../base/clock.js'
import { Expiring } from '../../base/deadlines.js'
import { LockOwner } from '../locks/lock-owner.js'
import { SHUTDOWN, toSqlError } from '../locks/lock-errors.js'
import type { WaitLimits } from '../locks/lock-source.js'
import { PermitOwner } from '../locks/own-calls.js'
import { parameterStatus, READY } from '../messages/backend.js'
import { FRONTEND, readBind, readExecute, readNamed, readParse, readQuery } from '../messages/frontend.js'
import type { Message, MessageReader } from '../messages/message-reader.js'
import { ProtocolError } from '../messages/protocol-error.js'
import { FatalError, SqlError } from '../messages/sql-error.js'
import { UpstreamError } from '../messages/upstream-error.js'
import type { Value } from '../messages/values.js'
import type { KnownTexts } from '../sql/known-texts.js'
import type { SessionFunction } from '../sql/statement.js'
import type { Evaluate } from '../prepared/arguments.js'
import { ClientLabel } from '../client/client-label.js'
import type { ClientLink } from '../client/client-link.js'
import { errorResponse } from './error-response.js'
import { runBind, runClose, runDescribe, runExecute, runParse } from '../queries/extended-query.js'
import type { Evaluator, Passing } from '../upstream/passing.js'
import { setConfigSql } from '../upstream/passing-sql.js'
import { PreparedStatements } from '../prepared/prepared-statements.js'
import type { QuerySession } from '../queries/query-session.js'
import { Reported } from '../client/reported.js'
import { Settings } from '../client/client-settings.js'
import type { Identity } from '../client/identity.js'
import type { ClientSessionHost } from './client-session-host.js'
import { runSimpleQuery } from '../queries/simple-query.js'
import { StatementTimes } from './statement-times.js'
import { Transaction } from '../client/transaction.js'

/** Messages that are ignored after an error, up to the next Sync. */
const EXTENDED: ReadonlySet<number> = new Set([
  FRONTEND.parse,
  FRONTEND.bind,
  FRONTEND.describe,
  FRONTEND.execute,
  FRONTEND.close,
])

/** One client that has logged in: reads its messages one after the other, and answers them. */
export class ClientSession extends Expiring implements QuerySession {
  readonly identity: Identity
  readonly link: ClientLink
  readonly locks: LockOwner
  readonly permits: PermitOwner
  readonly settings: Settings
  readonly transaction: Transaction
  readonly prepared: PreparedStatements = new PreparedStatements()
  readonly passing: Passing | null
  readonly label: ClientLabel
  readonly #host: ClientSessionHost<ClientSession>
  readonly #reader: MessageReader
  readonly #times: StatementTimes
  readonly #reported: Reported
  #isWorking = false
  #isOver = false
  /** After an error in the extended protocol, messages are ignored up to the next Sync. */
  #skipsToSync = false
  #isLeaving = false

  /** @throws {SqlError} a setting of the startup packet is wrong */
  constructor(
    identity: Identity,
    atStart: ReadonlyMap<string, string>,
    wire: { readonly link: ClientLink; readonly reader: MessageReader },
    host: ClientSessionHost<ClientSession>,
  ) {
    super()
    this.identity = identity
    this.link = wire.link
    this.#reader = wire.reader
    this.#host = host
    this.settings = new Settings(host.server, atStart)
    this.locks = new LockOwner(host.source, () => this.#watchWait())
    this.permits = new PermitOwner(host.source)
    this.transaction = new Transaction(this.locks, this.settings)
    this.label = new ClientLabel(identity, this.settings)
    this.#times = new StatementTimes(host.clock, this.settings, host.aborts)
    this.#reported = new Reported(this.settings, identity.user)
    this.passing = host.passingFor?.(this, () => host.allSessions()) ?? null
  }

  get evaluator(): Evaluator {
    return this.#host.evaluator
  }

  /** An expression that may read tables is evaluated in the client's transaction. */
  evaluate(...[evaluation, bound]: Parameters<Evaluate>): ReturnType<Evaluate> {
    const where = evaluation.isPure ? this.evaluator : (this.passing ?? this.evaluator)
    return where.evaluate(evaluation, bound)
  }

  get texts(): KnownTexts {
    return this.#host.texts
  }

  get mayPin(): boolean {
    return this.#host.mayPin
  }

  /** Whether a message of the client is being handled. */
  get isBusy(): boolean {
    return this.#isWorking
  }

  /** Reports the settings before the first statement. */
  greet(): void {
    for (const [name, value] of this.#reported.all()) this.link.send(parameterStatus(name, value))
  }

  ready(): void {
    this.link.send(READY[this.transaction.status])
    this.link.flush()
    this.#watchIdle()
  }

  /** The client has sent bytes. */
  received(): void {
    if (this.#isWorking || this.#isOver) return
    this.callOff()
    void this.#work()
  }

  begin(): void {
    this.#times.begin()
  }

  waitLimits(): WaitLimits {
    return this.#times.waitLimits(this.label.text)
  }

  sessionFunction(name: SessionFunction): Value {
    const { user, database, processId } = this.identity
    if (name === 'pg_backend_pid') return BigInt(processId)
    if (name === 'version') return this.#host.server.version
    if (name === 'current_schema') return 'public'
    return name === 'current_database' ? database : user
  }

  /** The server gets the settings when its transaction begins. If one is open there, the server must get later changes too. */
  setConfig(name: string, value: string | null, isLocal: boolean): Value | Promise<Value> {
    const set = (): Value => {
      this.settings.set(name, value, isLocal)
      return this.settings.show(name)
    }
    if (this.passing?.isHeld !== true) return set()
    return this.passing.command(setConfigSql(name, value, isLocal)).then(set)
  }

  #watchWait(): Cancel | null {
    return this.passing?.watchWait((error) => this.#times.cancel(error)) ?? null
  }

  /** The client has sent a CancelRequest. */
  cancel(): void {
    if (!this.#isWorking) return
    this.#times.cancel(new SqlError('57014', 'canceling statement due to user request'))
    this.passing?.cancel()
  }

  /** The front ends the session, with an error for the client. */
  end(error: SqlError): void {
    this.#endWith(errorResponse(error, 'FATAL', this.#host.failed))
  }

  #endWith(lastWords: Buffer): void {
    if (this.#isOver) return
    this.link.end(lastWords)
    this.closed()
  }

  /** The front is ending: the session ends as soon as it holds nothing and does nothing. */
  leaveWhenFree(): void {
    this.#isLeaving = true
    if (!this.#isWorking) this.#leaveIfFree()
  }

  #leaveIfFree(): void {
    const holds = this.locks.size + this.permits.size > 0 || this.transaction.isBlock
    if (this.#isLeaving && !holds) this.end(new FatalError('57P01', SHUTDOWN))
  }

  /** The connection has ended, or is ending. */
  closed(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.callOff()
    // Creating an error costs more than the rest of this method, and ten thousand clients may go at once.
    if (this.#isWorking) this.#times.cancel(new FatalError('08006', 'the client has gone'))
    this.locks.close()
    this.permits.close()
    this.passing?.close()
    this.#host.ended(this)
  }

  /** A silent client has reached its time limit. */
  override expire(): void {
    if (this.#isWorking) return
    const isBlock =
      this.transaction.isBlock && this.settings.timeoutMs(IDLE_IN_BLOCK) <= this.#host.idleTimeoutMs
    if (isBlock)
      this.end(new FatalError('25P03', 'terminating connection due to idle-in-transaction timeout'))
    else this.end(new FatalError('57P05', 'terminating connection due to idle-session timeout'))
  }

  #watchIdle(): void {
    const { idleTimeoutMs } = this.#host
    const limitMs = this.transaction.isBlock
      ? Math.min(idleTimeoutMs, this.settings.timeoutMs(IDLE_IN_BLOCK))
      : idleTimeoutMs
    if (limitMs !== Infinity && !this.#isOver) this.#host.deadlines.add(limitMs, this)
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    try {
      for (;;) {
        const message = this.#isOver ? null : this.#reader.next()
        if (message === null) break
        const handled = this.#handle(message)
        if (handled !== undefined) await handled
        if (this.link.isFull) await this.link.drained()
      }
    } catch (error) {
      this.#endWith(errorResponse(error, 'FATAL', this.#host.failed))
    }
    this.#isWorking = false
    this.#times.end()
    this.link.flush()
    this.#leaveIfFree()
    this.#watchIdle()
  }

  // Not async, like most functions between a message and its lock: each promise on this path costs as much as a lock.
  #handle({ type, body }: Message): void | Promise<void> {
    if (this.#skipsToSync && type !== FRONTEND.sync && type !== FRONTEND.terminate) return undefined
    if (EXTENDED.has(type)) return this.#extended(type, body)
    switch (type) {
      case FRONTEND.query:
        return this.#group(() => runSimpleQuery(readQuery(body), this))
      case FRONTEND.sync:
        this.#skipsToSync = false
        return this.#group(() => undefined)
      case FRONTEND.flush:
        return this.link.flush()
      case FRONTEND.terminate:
        this.link.end()
        return this.closed()
      case FRONTEND.functionCall:
        return this.#group(() => {
          throw new SqlError('0A000', 'function calls by the protocol are not offered by lockpool serve')
        })
      case FRONTEND.copyData:
      case FRONTEND.copyDone:
      case FRONTEND.copyFail:
        // The client has sent this before it knew that its COPY was refused.
        return undefined
      default:
        throw new ProtocolError(`invalid frontend message type ${type}`)
    }
  }

  #extended(type: number, body: Buffer): void | Promise<void> {
    try {
      return this.#runExtended(type, body)?.catch((error: unknown) => this.#extendedFailed(error))
    } catch (error) {
      return this.#extendedFailed(error)
    }
  }

  #runExtended(type: number, body: Buffer): void | Promise<void> {
    if (type === FRONTEND.parse) return runParse(readParse(body), this)
    if (type === FRONTEND.bind) return runBind(readBind(body), this)
    if (type === FRONTEND.describe) return runDescribe(readNamed(body), this)
    if (type === FRONTEND.execute) return runExecute(readExecute(body), this)
    return runClose(readNamed(body), this)
  }

  async #extendedFailed(error: unknown): Promise<void> {
    await this.#sendError(error)
    this.#skipsToSync = true
  }

  /** Runs the rest of a group of statements, commits its implicit transaction, and sends ReadyForQuery. */
  async #group(run: () => void | Promise<void>): Promise<void> {
    try {
      const running = run()
      if (running !== undefined) await running
      if (this.passing !== null) await this.passing.sync()
      const ending = this.transaction.leave()
      if (ending !== null) await ending
    } catch (error) {
      await this.#sendError(error)
      await this.passing?.sync()
    }
    if (this.#isOver) return
    if (!this.transaction.isBlock) this.prepared.endPortals()
    for (const [name, value] of this.#reported.changes()) this.link.send(parameterStatus(name, value))
    this.link.send(READY[this.transaction.status])
    this.link.flush()
  }

  /** Sends the client the error of its statement. @throws the error if it ends the connection */
  async #sendError(error: unknown): Promise<void> {
    const known = toSqlError(this.#times.explain(error))
    if (known instanceof FatalError || known instanceof ProtocolError) throw known
    if (known instanceof UpstreamError) this.link.send(known.bytes)
    else this.link.send(errorResponse(known, 'ERROR', this.#host.failed))
    await this.passing?.fail()
    await this.transaction.fail()
  }

  /**
   * A lock of the pool has been lost. If it belongs to this client, its connection ends, as a connection to PostgreSQL would.
   */
  checkLosses(): void {
    if (this.#isOver || !(this.locks.hasLost || this.permits.hasLost)) return
    this.end(new FatalError('57P01', SHUTDOWN, { detail: 'An advisory lock of this session was lost.' }))
  }
}

const IDLE_IN_BLOCK = 'idle_in_transaction_session_timeout'
