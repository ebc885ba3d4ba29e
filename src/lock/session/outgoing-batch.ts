import type { LockError } from '../../base/errors.js'
import type { Holding } from '../../dialect/dialect.js'
import type { KeyCode } from '../../dialect/lock-key.js'
import type { Answer, LockOperation } from '../../dialect/lock-operation.js'
import type { PermitOperation, PermitReply } from '../../dialect/permit-operation.js'
import type { DrawnToken } from '../handle/drawn-token.js'

/** A user of a session: the entry of a key or of a semaphore. */
export interface Client {
  /** What the server should have for it, if nothing is in doubt. */
  holding(): readonly Holding[]
  lost(reason: string, cause?: Error): void
}

/** Something for which wake-ups are sent. */
export interface NotifyRequest {
  readonly key: KeyCode
  /** The wake-up was sent. Says whether another process was waiting; true also if that is unknown. */
  notified(isWanted: boolean): void
}

/** A request that leaves with the next batch. */
export interface Request extends Client {
  /** The batch is leaving: returns what it asks now, if anything. */
  joinBatch(outgoing: OutgoingBatch): void
}

/** What the answers to a batch have in common. */
export interface Answered {
  /** When the answers arrived, on the clock. */
  readonly now: number
  /** The last arrival of a caller when the batch left. */
  readonly stamp: number
  /** Milliseconds from the departure of the batch, or of an earlier one if the server queued this one behind it. */
  readonly tripMs: number
}

/** The entry of a key whose operation is on the wire. */
export interface KeyRequest extends LockOperation {
  /** No caller may get the lock before `delayMs` is over. */
  answered(answer: Answer, token: DrawnToken | null, delayMs: number, batch: Answered): void
  /**
   * The operation did not take effect. `mayAsk`: nothing is wrong with the request, and it may be repeated at once.
   * `isKnown`, by default: it is known what the server has; if not, the session is lost next.
   */
  failed(error: LockError, mayAsk: boolean, isKnown?: boolean): void
}

/** The entry of a semaphore whose operation is on the wire. */
export interface PermitRequest {
  replied(reply: PermitReply, batch: Answered): void
  failed(error: LockError, mayAsk: boolean, isKnown?: boolean): void
}

/** The most operations in one statement. It takes the server some milliseconds, and a heartbeat can wait that long. */
export const MAX_BATCH = 1000

/** What a semaphore asks, and the receiver of the reply. */
export interface PermitsToSend {
  readonly request: PermitRequest
  readonly operation: PermitOperation
}

/** One batch while it is assembled: each request adds its operation. */
export class OutgoingBatch {
  /** The session that it leaves from. */
  readonly session: object
  readonly keys: KeyRequest[] = []
  readonly permits: PermitsToSend[] = []
  /** Releases whose wake-up is sent right after the batch. */
  readonly notifications: NotifyRequest[] = []
  /** The only request of the batch waits in the server's queue, for at most this long; 0 if it does not. */
  waitMs = 0

  constructor(session: object) {
    this.session = session
  }

  get isEmpty(): boolean {
    return this.keys.length === 0 && this.permits.length === 0
  }

  get isFull(): boolean {
    return this.waitMs > 0 || this.keys.length >= MAX_BATCH
  }

  /** The request itself is its operation. */
  ask(request: KeyRequest): void {
    this.keys.push(request)
  }

  /**
   * If another process is known to want the key, the wake-up follows the release without waiting for its answer. That
   * saves the waiters a round trip. Statements take effect in the order in which they are sent.
   */
  notifyAfter(request: NotifyRequest): void {
    this.notifications.push(request)
  }

  /** Adds a separate statement, sent and answered with the batch. */
  askPermits(request: PermitRequest, operation: PermitOperation): void {
    this.permits.push({ request, operation })
    this.waitMs = operation.waitMs
  }
}
