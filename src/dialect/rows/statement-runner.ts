import { backoffDelay, type Backoff } from '../../base/backoff.js'
import { sleep, systemClock, type Clock } from '../../base/clock.js'
import { LockError } from '../../base/errors.js'
import { systemRandom, type Random } from '../../base/random.js'
import type { Borrow } from '../dialect.js'

const AGAIN: Backoff = { firstMs: 1, factor: 2, capMs: 200, jitter: 1 }

/** The answer to the statement was lost. The statement may have run, or may still run. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'

  constructor(cause: unknown) {
    super('the answer to a statement was lost', { cause })
  }
}

/**
 * What an error means for its statement.
 *
 * - `undone`: the server has undone the statement; it may be sent again
 * - `refused`: the statement has changed nothing, and another attempt would fail too
 * - `lost`: the statement may have run
 */
export type Outcome = 'undone' | 'refused' | 'lost'

/** Classifies the errors of one database. */
export interface ErrorReader {
  outcomeOf(error: unknown): Outcome
  /** Whether the connection is unusable after this error. */
  isBroken(error: unknown): boolean
}

export interface RunnerHost {
  readonly clock: Clock
  readonly random: Random
}

const SYSTEM: RunnerHost = { clock: systemClock, random: systemRandom }

/**
 * Sends the statements of one member, each on any free connection. Statements that the server has undone are repeated.
 * So a result means that the outcome is known, and `OutcomeUnknown` means that it is not.
 */
export class StatementRunner<C> {
  readonly #borrow: Borrow<C>
  /** After this much time without a success, the lease is over and no lock is held any more. */
  readonly #limitMs: number
  readonly #errors: ErrorReader
  readonly #host: RunnerHost
  isOver = false

  constructor(borrow: Borrow<C>, limitMs: number, errors: ErrorReader, host: RunnerHost = SYSTEM) {
    this.#borrow = borrow
    this.#limitMs = limitMs
    this.#errors = errors
    this.#host = host
  }

  /** Runs `use` on one connection, for the first statements. */
  on<T>(use: (connection: C) => Promise<T>): Promise<T> {
    return this.#borrow(use, (error) => this.#errors.isBroken(error))
  }

  /** @throws {OutcomeUnknown} {Error} an error of the server: then the statement has changed nothing */
  async once<T>(send: (connection: C) => Promise<T>): Promise<T> {
    const since = this.#host.clock.now()
    for (let attempt = 0; ; attempt++) {
      let isSent = false
      try {
        return await this.on((connection) => {
          isSent = true
          return send(connection)
        })
      } catch (error) {
        const outcome = this.#errors.outcomeOf(error)
        if (this.isOver || this.#host.clock.now() - since > this.#limitMs) throw error
        if (outcome === 'lost') {
          if (isSent) throw new OutcomeUnknown(error)
          if (isRefusal(error)) throw error
        } else if (outcome === 'refused') throw error
        await this.#pause(attempt)
      }
    }
  }

  /**
   * Does the same as `once`, for statements that may run twice. It repeats the statement until there is an answer or
   * the time is over.
   */
  async atLast<T>(send: (connection: C) => Promise<T>): Promise<T> {
    const since = this.#host.clock.now()
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.once(send)
      } catch (error) {
        const isLate = this.isOver || this.#host.clock.now() - since > this.#limitMs
        if (!(error instanceof OutcomeUnknown) || isLate) throw error
        await this.#pause(attempt)
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#host
    return sleep(clock, backoffDelay(AGAIN, attempt, random))
  }
}

/** The pool or the server refuses connections permanently. */
function isRefusal(error: unknown): boolean {
  return error instanceof LockError && !error.retryable
}
