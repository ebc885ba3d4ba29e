import type { PermitOperation } from '../../dialect/permit-operation.js'
import type { KeyRequest, PermitRequest, Rung } from './session-host.js'

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

  constructor(session: object) {
    this.session = session
  }

  get isEmpty(): boolean {
    return this.keys.length === 0 && this.permits.length === 0
  }

  get isFull(): boolean {
    return this.keys.length >= MAX_BATCH
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
  }
}
