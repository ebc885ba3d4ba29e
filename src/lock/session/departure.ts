import type { LockError } from '../../base/errors.js'
import type { Holding } from '../../dialect/dialect.js'
import type { KeyCode } from '../../dialect/lock-key.js'
import type { Answer, LockOperation } from '../../dialect/lock-operation.js'
import type { PermitOperation, PermitReply } from '../../dialect/permit-operation.js'
import type { DrawnToken } from '../handle/drawn-token.js'

/** A user of a session: the entry of a key, or of a semaphore. */
export interface Client {
  /** What the server should have for it, if nothing is in doubt. */
  holding(): readonly Holding[]
  lost(reason: string, cause?: Error): void
}

/** What can be rung for. */
export interface Rung {
  readonly key: KeyCode
  /** It was rung for. Whether another process was interested; if that can't be told, it may have been. */
  rang(isWanted: boolean): void
}

/** What a session carries out when the next batch leaves. */
export interface Request extends Client {
  /** It says what it asks now, if anything. */
  depart(departure: Departure): void
}

/** What the answers to a batch have in common. */
export interface Answered {
  /** When they came, on the clock. */
  readonly now: number
  /** The last arrival of a caller when the batch left. */
  readonly stamp: number
  /** Milliseconds from the departure of a batch, and be it an earlier one, if this had to wait in the server. */
  readonly tripMs: number
}

/** The entry of a key, whose operation is on the wire. */
export interface KeyRequest extends LockOperation {
  /** Before `delayMs` no caller may be told of a grant. */
  answered(answer: Answer, token: DrawnToken | null, delayMs: number, batch: Answered): void
  /**
   * It has not been carried out. `mayAsk`: nothing is wrong with what was asked, and it may be asked for again at once.
   * `isKnown`, by default: what the server has is known; if not, the session is lost next.
   */
  failed(error: LockError, mayAsk: boolean, isKnown?: boolean): void
}

/** The entry of a semaphore, whose operation is on the wire. */
export interface PermitRequest {
  replied(reply: PermitReply, batch: Answered): void
  failed(error: LockError, mayAsk: boolean, isKnown?: boolean): void
}

/** The most operations in one statement. It takes the server some milliseconds, which a heartbeat can wait. */
export const MAX_BATCH = 1000

/** What a semaphore asks, and who is to have the reply. */
export interface Departed {
  readonly request: PermitRequest
  readonly operation: PermitOperation
}

/** One batch, while it is put together: each request says what it asks now. */
export class Departure {
  /** The session that it leaves from. */
  readonly session: object
  readonly keys: KeyRequest[] = []
  readonly permits: Departed[] = []
  /** Releases that are rung for right behind the batch. */
  readonly rings: Rung[] = []
  /** The one request of the batch waits in the server, for so long at most; 0 if it does not. */
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

  /** What `request` says of itself is its operation. */
  ask(request: KeyRequest): void {
    this.keys.push(request)
  }

  /**
   * A release that is wanted, by all that is known, is rung for without waiting for its answer, which saves those who wait a
   * round trip. Statements take effect in the order they are sent in.
   */
  ringBehind(request: Rung): void {
    this.rings.push(request)
  }

  /** A statement of its own, sent and answered with the batch. */
  askPermits(request: PermitRequest, operation: PermitOperation): void {
    this.permits.push({ request, operation })
    this.waitMs = operation.waitMs
  }
}
