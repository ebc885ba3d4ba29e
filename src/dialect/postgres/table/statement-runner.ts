import { backoffDelay, type Backoff } from '../../../base/backoff.js'
import { sleep, systemClock } from '../../../base/clock.js'
import { LockError } from '../../../base/errors.js'
import { systemRandom } from '../../../base/random.js'
import type { Borrow } from '../../dialect.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'
import { sqlState } from '../connection/server-errors.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** Serialization failure and deadlock: the server has undone the statement, and asks for it again. */
const UNDONE: ReadonlySet<string> = new Set(['40001', '40P01'])

/** A prepared statement that another server session has. */
const NOT_PREPARED = '26000'

const AGAIN: Backoff = { firstMs: 1, factor: 2, capMs: 200, jitter: 1 }

/** The statement may have been carried out, or may still be: its answer has not come. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown'

  constructor(cause: unknown) {
    super('the answer to a statement was lost', { cause })
  }
}

/**
 * Sends statements of one member, each on whatever connection is free. What the server says to have undone is sent again, so
 * whoever gets an answer knows what has happened, and whoever gets `OutcomeUnknown` knows that he does not.
 */
export class StatementRunner {
  readonly #borrow: Borrow<PostgresConnection>
  /** After so long without any success nothing is held any more. */
  readonly #patienceMs: number
  /** Whether the connections lead to server sessions of their own, which keep what is prepared. Known after the first look. */
  #isDirect = false
  isOver = false

  constructor(borrow: Borrow<PostgresConnection>, patienceMs: number) {
    this.#borrow = borrow
    this.#patienceMs = patienceMs
  }

  /** Told of the first answer: the server process that has sent it. */
  sawProcess(connection: ServerConnection, pid: number): void {
    this.#isDirect = connection.processID === pid
  }

  /** On one connection: for the first look. */
  on<T>(use: (connection: ServerConnection) => Promise<T>): Promise<T> {
    return this.#borrow((lent) => use(LeasedConnection.serverOf(lent)), isBroken)
  }

  /** @throws {OutcomeUnknown} and what the server says, after which nothing of it has happened. */
  async rows<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    const since = systemClock.now()
    for (let attempt = 0; ; attempt++) {
      let isSent = false
      try {
        return await this.on((connection) => {
          isSent = true
          return this.#send<Row>(connection, statement, values)
        })
      } catch (error) {
        const state = sqlState(error)
        if (this.isOver || systemClock.now() - since > this.#patienceMs) throw error
        if (state === undefined || isBroken(error)) {
          if (isSent) throw new OutcomeUnknown(error)
          if (isRefusal(error)) throw error
        } else if (!UNDONE.has(state)) throw error
        await sleep(systemClock, backoffDelay(AGAIN, attempt, systemRandom))
      }
    }
  }

  /** As `rows`, for what may be carried out twice. It is sent until there is an answer, or no time is left. */
  async rowsAtLast<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    const since = systemClock.now()
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.rows<Row>(statement, values)
      } catch (error) {
        const isLate = this.isOver || systemClock.now() - since > this.#patienceMs
        if (!(error instanceof OutcomeUnknown) || isLate) throw error
        await sleep(systemClock, backoffDelay(AGAIN, attempt, systemRandom))
      }
    }
  }

  async #send<Row extends object>(
    connection: ServerConnection,
    statement: Prepared,
    values: OwnValue[],
  ): Promise<Row[]> {
    if (!this.#isDirect) return (await connection.query<Row>(statement.text, values)).rows
    try {
      return await connection.prepared<Row>(statement, values)
    } catch (error) {
      // A pooler has come in between. The server has not parsed it, so nothing has happened.
      if (sqlState(error) !== NOT_PREPARED) throw error
      this.#isDirect = false
      return (await connection.query<Row>(statement.text, values)).rows
    }
  }
}

/** What the server says of the statement itself leaves the connection as it was. Anything else may have cut it short. */
function isBroken(error: unknown): boolean {
  const state = sqlState(error)
  return state === undefined || /^(?:08|57|58|XX|F0)/.test(state)
}

/** The pool or the server refuses connections, for good. */
function isRefusal(error: unknown): boolean {
  return error instanceof LockError && !error.retryable
}
