import { backoffDelay, type Backoff } from '../../base/backoff.js'
import { sleep, systemClock, type Clock } from '../../base/clock.js'
import { LockError } from '../../base/errors.js'
import { systemRandom, type Random } from '../../base/random.js'
import type { Borrow } from '../dialect.js'

const AGAIN: Backoff = { firstMs: 1, factor: 2, capMs: 200, jitter: 1 }

/** The statement may have been carried out, or may still be: its answer has not come. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'

  constructor(cause: unknown) {
    super('the answer to a statement was lost', { cause })
  }
}

/**
 * What an error says of the statement that has failed with it.
 *
 * - `undone`  the server has undone it, and it may be sent again
 * - `refused` nothing of it has happened, and nothing would
 * - `lost`    it may have happened
 */
export type Outcome = 'undone' | 'refused' | 'lost'

/** How the errors of one database are read. */
export interface ErrorReader {
  outcomeOf(error: unknown): Outcome
  /** Whether the connection is not to be used any more. */
  isBroken(error: unknown): boolean
}

export interface RunnerPorts {
  readonly clock: Clock
  readonly random: Random
}

const SYSTEM: RunnerPorts = { clock: systemClock, random: systemRandom }

/**
 * Sends statements of one member, each on whatever connection is free. What the server says to have undone is sent again, so
 * whoever gets an answer knows what has happened, and whoever gets `OutcomeUnknown` knows that he does not.
 */
export class StatementRunner<C> {
  readonly #borrow: Borrow<C>
  /** After so long without any success nothing is held any more. */
  readonly #patienceMs: number
  readonly #errors: ErrorReader
  readonly #ports: RunnerPorts
  isOver = false

  constructor(borrow: Borrow<C>, patienceMs: number, errors: ErrorReader, ports: RunnerPorts = SYSTEM) {
    this.#borrow = borrow
    this.#patienceMs = patienceMs
    this.#errors = errors
    this.#ports = ports
  }

  /** On one connection: for the first look. */
  on<T>(use: (connection: C) => Promise<T>): Promise<T> {
    return this.#borrow(use, (error) => this.#errors.isBroken(error))
  }

  /** @throws {OutcomeUnknown} and what the server says, after which nothing of it has happened. */
  async once<T>(send: (connection: C) => Promise<T>): Promise<T> {
    const since = this.#ports.clock.now()
    for (let attempt = 0; ; attempt++) {
      let isSent = false
      try {
        return await this.on((connection) => {
          isSent = true
          return send(connection)
        })
      } catch (error) {
        const outcome = this.#errors.outcomeOf(error)
        if (this.isOver || this.#ports.clock.now() - since > this.#patienceMs) throw error
        if (outcome === 'lost') {
          if (isSent) throw new OutcomeUnknown(error)
          if (isRefusal(error)) throw error
        } else if (outcome === 'refused') throw error
        await this.#pause(attempt)
      }
    }
  }

  /** As `once`, for what may be carried out twice. It is sent until there is an answer, or no time is left. */
  async atLast<T>(send: (connection: C) => Promise<T>): Promise<T> {
    const since = this.#ports.clock.now()
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.once(send)
      } catch (error) {
        const isLate = this.isOver || this.#ports.clock.now() - since > this.#patienceMs
        if (!(error instanceof OutcomeUnknown) || isLate) throw error
        await this.#pause(attempt)
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#ports
    return sleep(clock, backoffDelay(AGAIN, attempt, random))
  }
}

/** The pool or the server refuses connections, for good. */
function isRefusal(error: unknown): boolean {
  return error instanceof LockError && !error.retryable
}
