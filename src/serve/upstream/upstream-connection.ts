import { Deferred } from '../../base/deferred.js'
import { BACKEND, message, text, type TransactionStatus } from '../messages/backend.js'
import { FRONTEND } from '../messages/frontend.js'
import { MessageReader, type Message } from '../messages/message-reader.js'
import { FatalError } from '../messages/sql-error.js'
import { UpstreamError } from '../messages/upstream-error.js'

/** Transports bytes to the upstream and back: a `RawConnection`. */
export interface UpstreamTransport {
  readonly backend: number | null
  onData(read: (chunk: Buffer) => void): void
  onEnd(ended: (cause: Error) => void): void
  write(bytes: Buffer): void
  pause(): void
  resume(): void
  cancel(): Promise<void>
  destroy(): void
}

/** PostgreSQL itself sends no longer message. */
const MAX_MESSAGE_BYTES = 2 ** 30

/** One request to the upstream, until its last answer. */
interface Exchange {
  readonly number: number
  readonly until: number
  readonly hear: (message: Message) => void
  readonly answered: Deferred<void>
  error: UpstreamError | null
}

/** Messages that the upstream may send at any time, and that do not concern the client. */
const ASIDE: ReadonlySet<number> = new Set([BACKEND.parameterStatus, BACKEND.notificationResponse])

/** One connection to the upstream, as messages. There is one exchange at a time. */
export class UpstreamConnection {
  static #exchanges = 0
  readonly #carrier: UpstreamTransport
  readonly #reader = new MessageReader()
  #exchange: Exchange | null = null
  #end: Error | null = null
  #status: TransactionStatus = 'I'
  /** The client that it served last, and the settings of that client: another client must reset them. */
  servedLast: object | null = null
  settings = ''
  /** Called when the connection ends, for the client that uses it. */
  lost: (() => void) | null = null

  constructor(carrier: UpstreamTransport) {
    this.#carrier = carrier
    this.#reader.isStartup = false
    this.#reader.maxBytes = MAX_MESSAGE_BYTES
    carrier.onData((chunk) => this.#read(chunk))
    carrier.onEnd((cause) => this.#ended(cause))
  }

  /** The status in the server's last ReadyForQuery. */
  get status(): TransactionStatus {
    return this.#status
  }

  get hasEnded(): boolean {
    return this.#end !== null
  }

  /** The pid of the server's backend. A pooler announces another number. */
  get backend(): number | null {
    return this.#carrier.backend
  }

  /** The number of the request that has no answer yet. No two connections have the same number. */
  get running(): number | null {
    return this.#exchange?.number ?? null
  }

  get isBusy(): boolean {
    return this.#exchange !== null
  }

  /**
   * Sends messages, and passes the answers to `hear` until a message of type `until`: after Sync or Query that is
   * ReadyForQuery. Without Sync, an error is the last answer.
   *
   * @throws {UpstreamError} {FatalError}
   */
  ask(bytes: Buffer, until: number, hear: (message: Message) => void): Promise<void> {
    if (this.#end !== null) return Promise.reject(gone(this.#end))
    const number = ++UpstreamConnection.#exchanges
    const exchange = { number, until, hear, answered: new Deferred<void>(), error: null }
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
    // An error without a request is the server's last message.
    if (exchange === null && type === BACKEND.errorResponse) return this.#ended(new UpstreamError(bytes))
    if (exchange === null || ASIDE.has(type)) return
    if (type === BACKEND.errorResponse) {
      exchange.error ??= new UpstreamError(Buffer.from(bytes))
      if (exchange.until !== BACKEND.readyForQuery) this.#settle(exchange)
      return
    }
    // COPY is refused earlier. If one begins all the same, it must not wait for data that never comes.
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

/** Types that can replace another type as the last answer. */
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
