import { Deferred } from '../../base/deferred.js'
import { BACKEND, message, text, type TransactionStatus } from '../messages/backend.js'
import { FRONTEND } from '../messages/frontend.js'
import { MessageReader, type Message } from '../messages/message-reader.js'
import { FatalError } from '../messages/sql-error.js'
import { UpstreamError } from '../messages/upstream-error.js'

/** What carries bytes to the upstream and back: a `RawConnection`. */
export interface Carrier {
  onData(read: (chunk: Buffer) => void): void
  onEnd(ended: (cause: Error) => void): void
  write(bytes: Buffer): void
  pause(): void
  resume(): void
  cancel(): Promise<void>
  destroy(): void
}

/** PostgreSQL itself sends no message that is longer. */
const MAX_MESSAGE_BYTES = 2 ** 30

/** One thing that was asked of the upstream, until its last answer. */
interface Exchange {
  readonly until: number
  readonly hear: (message: Message) => void
  readonly answered: Deferred<void>
  error: UpstreamError | null
}

/** What the upstream may say at any time, and is none of a client's business. */
const ASIDE: ReadonlySet<number> = new Set([BACKEND.parameterStatus, BACKEND.notificationResponse])

/** One connection to the upstream, as messages. There is one exchange at a time. */
export class UpstreamConnection {
  readonly #carrier: Carrier
  readonly #reader = new MessageReader()
  #exchange: Exchange | null = null
  #end: Error | null = null
  #status: TransactionStatus = 'I'
  /** Whom it served last, and with which settings: others have to clean up behind that. */
  servedLast: object | null = null
  settings = ''
  /** Called when it ends, for the client that has it. */
  lost: (() => void) | null = null

  constructor(carrier: Carrier) {
    this.#carrier = carrier
    this.#reader.isStartup = false
    this.#reader.maxBytes = MAX_MESSAGE_BYTES
    carrier.onData((chunk) => this.#read(chunk))
    carrier.onEnd((cause) => this.#ended(cause))
  }

  /** According to the last ReadyForQuery of the server. */
  get status(): TransactionStatus {
    return this.#status
  }

  get hasEnded(): boolean {
    return this.#end !== null
  }

  get isBusy(): boolean {
    return this.#exchange !== null
  }

  /**
   * Sends messages, and hands on what comes back until a message of type `until`, which is ReadyForQuery where Sync or
   * Query was sent. Without Sync an error is the last answer.
   *
   * @throws {UpstreamError} {FatalError}
   */
  ask(bytes: Buffer, until: number, hear: (message: Message) => void): Promise<void> {
    if (this.#end !== null) return Promise.reject(gone(this.#end))
    const exchange = { until, hear, answered: new Deferred<void>(), error: null }
    this.#exchange = exchange
    this.#carrier.write(bytes)
    return exchange.answered.promise
  }

  onEnd(ended: (cause: Error) => void): void {
    this.#carrier.onEnd(ended)
  }

  pause(): void {
    this.#carrier.pause()
  }

  resume(): void {
    this.#carrier.resume()
  }

  cancel(): void {
    if (this.#exchange !== null) void this.#carrier.cancel()
  }

  destroy(): void {
    if (this.isBusy) void this.#carrier.cancel()
    this.#carrier.destroy()
  }

  #read(chunk: Buffer): void {
    this.#reader.push(chunk)
    for (let heard = this.#reader.next(); heard !== null; heard = this.#reader.next()) this.#heard(heard)
  }

  #heard(heard: Message): void {
    const { type, body, bytes } = heard
    if (type === BACKEND.readyForQuery) this.#status = String.fromCharCode(body[0]!) as TransactionStatus
    const exchange = this.#exchange
    // An error without a request is the last message of the server.
    if (exchange === null && type === BACKEND.errorResponse) return this.#ended(new UpstreamError(bytes))
    if (exchange === null || ASIDE.has(type)) return
    if (type === BACKEND.errorResponse) {
      exchange.error ??= new UpstreamError(Buffer.from(bytes))
      if (exchange.until !== BACKEND.readyForQuery) this.#settle(exchange)
      return
    }
    // COPY is refused before it gets here; what begins one all the same must not wait for data that never comes.
    if (type === BACKEND.copyInResponse) return this.#carrier.write(REFUSE_COPY)
    if (type !== BACKEND.readyForQuery) exchange.hear(heard)
    if (ends(type, exchange.until)) this.#settle(exchange)
  }

  #settle(exchange: Exchange): void {
    this.#exchange = null
    if (exchange.error === null) exchange.answered.resolve()
    else exchange.answered.reject(exchange.error)
  }

  #ended(cause: Error): void {
    this.#end ??= cause
    const exchange = this.#exchange
    this.#exchange = null
    exchange?.answered.reject(gone(cause))
    this.lost?.()
  }
}

/** Types that can stand for another as the last answer. */
const ALSO_ENDS: Readonly<Record<number, readonly number[]>> = {
  [BACKEND.commandComplete]: [BACKEND.emptyQueryResponse, BACKEND.portalSuspended],
  [BACKEND.rowDescription]: [BACKEND.noData],
}

function ends(type: number, until: number): boolean {
  return type === until || (ALSO_ENDS[until]?.includes(type) ?? false)
}

const REFUSE_COPY = message(FRONTEND.copyFail, text('COPY is not offered by lockpool serve'))

function gone(cause: Error): FatalError {
  return new FatalError('57P01', 'the connection to the upstream was lost', { detail: cause.message, cause })
}
