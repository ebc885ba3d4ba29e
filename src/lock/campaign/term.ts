import type { Guardable } from '../../dialect/queryable.js'
import type { Lock } from '../handle/lock.js'

/** One time of leading, from an election to the loss or the hand-over. The next one has a greater token. */
export class Term {
  /** By the clock of this process. */
  readonly since: Date
  readonly #lock: Lock
  readonly #signal: AbortSignal

  constructor(lock: Lock, signal: AbortSignal, since: Date) {
    this.#lock = lock
    this.#signal = signal
    this.since = since
  }

  /**
   * The fencing token: greater than that of every term before, of any process.
   *
   * @throws {FencingUnavailableError} the pool has no tokens
   */
  get token(): bigint {
    return this.#lock.token
  }

  /** As `token`, for JSON; null if there is none. */
  get tokenText(): string | null {
    return this.#lock.tokenText
  }

  /** Aborts when the term is over: with a LockLostError if it was lost, otherwise with why it was given up. */
  get signal(): AbortSignal {
    // Whoever looks after a pause of the process learns of the loss here, before any timer fires.
    if (!this.#signal.aborted) void this.#lock.signal
    return this.#signal
  }

  /**
   * As `lock.guard`: in the transaction that writes, refuses a leader whose term is over in favor of a later one.
   *
   * @throws {StaleTokenError} {LockLostError} {FencingUnavailableError}
   */
  guard(transaction: Guardable, resource?: string): Promise<void> {
    return this.#lock.guard(transaction, resource)
  }
}
