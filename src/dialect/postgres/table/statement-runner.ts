import type { Borrow } from '../../dialect.js'
import { StatementRunner as Runner, type ErrorReader } from '../../rows/statement-runner.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'
import { sqlState } from '../connection/server-errors.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** serialization_failure and deadlock_detected: the server has undone the statement, and it should be repeated. */
const UNDONE: ReadonlySet<string> = new Set(['40001', '40P01'])

/** statement_completion_unknown: a distributed engine lost the answer of its own commit. */
const UNKNOWN = '40003'

/** Another server session has the prepared statement. */
const NOT_PREPARED = '26000'

export const ERRORS: ErrorReader = {
  outcomeOf: (error) => {
    const state = sqlState(error)
    if (state === undefined || state === UNKNOWN || isBroken(error)) return 'lost'
    return UNDONE.has(state) ? 'undone' : 'refused'
  },
  isBroken,
}

/** Sends one statement and returns its rows. */
export type SendStatement = <Row extends object>(statement: Prepared, values: OwnValue[]) => Promise<Row[]>

/** Runs the statements of one member in PostgreSQL. They are prepared if the connection keeps its server session. */
export class StatementRunner {
  readonly #runner: Runner<PostgresConnection>
  /** Whether connections keep their server sessions, which keep prepared statements. Known after the first statement. */
  #isDirect = false

  constructor(borrow: Borrow<PostgresConnection>, limitMs: number) {
    this.#runner = new Runner(borrow, limitMs, ERRORS)
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  /** Gets the backend pid from the first answer. */
  sawProcess(connection: ServerConnection, pid: number): void {
    this.#isDirect = connection.processID === pid
  }

  /** Runs `use` on one connection, for the first statements. */
  on<T>(use: (connection: ServerConnection) => Promise<T>): Promise<T> {
    return this.#runner.on((borrowed) => use(LeasedConnection.serverOf(borrowed)))
  }

  /** @throws {OutcomeUnknown} {Error} an error of the server: then the statement has changed nothing */
  rows<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    return this.#runner.once((borrowed) =>
      this.#send<Row>(LeasedConnection.serverOf(borrowed), statement, values),
    )
  }

  /**
   * Does the same as `rows`, for statements that may run twice. It repeats the statement until there is an answer or
   * the time is over.
   */
  rowsAtLast<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    return this.#runner.atLast((borrowed) =>
      this.#send<Row>(LeasedConnection.serverOf(borrowed), statement, values),
    )
  }

  /**
   * Runs several statements on one connection, all sent at once. `use` handles the errors of each.
   *
   * @throws {OutcomeUnknown} {Error} as `rows`
   */
  together<T>(use: (send: SendStatement) => Promise<T>): Promise<T> {
    return this.#runner.once((borrowed) => {
      const connection = LeasedConnection.serverOf(borrowed)
      return use(<Row extends object>(statement: Prepared, values: OwnValue[]) =>
        this.#send<Row>(connection, statement, values),
      )
    })
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
      // A pooler is now in between. The server has not parsed the statement, so it has changed nothing.
      if (sqlState(error) !== NOT_PREPARED) throw error
      this.#isDirect = false
      return (await connection.query<Row>(statement.text, values)).rows
    }
  }
}

/**
 * Whether the error leaves the connection in doubt. An error of the statement itself does not; any other may have
 * interrupted it.
 */
export function isBroken(error: unknown): boolean {
  const state = sqlState(error)
  return state === undefined || /^(?:08|57|58|XX|F0)/.test(state)
}
