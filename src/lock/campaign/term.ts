import type { Guardable } from '../../dialect/queryable.js'
import type { Lock } from '../handle/lock.js'

/** One period of leadership, from an election to the loss or the hand-over. The next one has a greater token. */
export class Term {
  /** When it began, by the clock of this process. */
  readonly since: Date
  readonly #lock: Lock
  readonly #signal: AbortSignal

  /** @internal */
  constructor(lock: Lock, signal: AbortSignal, since: Date) {
    this.#lock = lock
    this.#signal = signal
    this.since = since
  }

  /**
   * The fencing token: greater than that of every earlier term, of any process.
   *
   * @throws {FencingUnavailableError} the pool has no tokens
   */
  get token(): bigint {
    return this.#lock.token
  }

  /** The value of `token` for JSON; null if there is none. */
  get tokenText(): string | null {
    return this.#lock.tokenText
  }

  /** Aborts when the term is over: with a LockLostError if it was lost, otherwise with the reason why it was given up. */
  get signal(): AbortSignal {
    // After a pause of the process this access finds the loss, before any timer fires.
    if (!this.#signal.aborted) void this.#lock.signal
    return this.#signal
  }

  /**
   * Like `lock.guard`: call it in the transaction that writes. It refuses a leader if a later one has written.
   *
   * @throws {StaleTokenError} {LockLostError} {FencingUnavailableError}
   */
  guard(transaction: Guardable, resource?: string): Promise<void> {
    return this.#lock.guard(transaction, resource)
  }
}
