import type { Borrow } from '../../dialect.js'
import { StatementRunner as Runner, type ErrorReader } from '../../rows/statement-runner.js'
import { LeasedConnection } from '../pool/leased-connection.js'
import type { PostgresConnection } from '../connection/connection.js'
import { sqlState } from '../connection/server-errors.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** Serialization failure and deadlock: the server has undone the statement, and asks for it again. */
const UNDONE: ReadonlySet<string> = new Set(['40001', '40P01'])

/** A prepared statement that another server session has. */
const NOT_PREPARED = '26000'

const ERRORS: ErrorReader = {
  outcomeOf: (error) => {
    const state = sqlState(error)
    if (state === undefined || isBroken(error)) return 'lost'
    return UNDONE.has(state) ? 'undone' : 'refused'
  },
  isBroken,
}

/** Statements of one member, in PostgreSQL: prepared ones where the connection leads to a server session of its own. */
export class StatementRunner {
  readonly #runner: Runner<PostgresConnection>
  /** Whether the connections lead to server sessions of their own, which keep what is prepared. Known after the first look. */
  #isDirect = false

  constructor(borrow: Borrow<PostgresConnection>, patienceMs: number) {
    this.#runner = new Runner(borrow, patienceMs, ERRORS)
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  /** Told of the first answer: the server process that has sent it. */
  sawProcess(connection: ServerConnection, pid: number): void {
    this.#isDirect = connection.processID === pid
  }

  /** On one connection: for the first look. */
  on<T>(use: (connection: ServerConnection) => Promise<T>): Promise<T> {
    return this.#runner.on((lent) => use(LeasedConnection.serverOf(lent)))
  }

  /** @throws {OutcomeUnknown} and what the server says, after which nothing of it has happened. */
  rows<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    return this.#runner.once((lent) => this.#send<Row>(LeasedConnection.serverOf(lent), statement, values))
  }

  /** As `rows`, for what may be carried out twice. It is sent until there is an answer, or no time is left. */
  rowsAtLast<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    return this.#runner.atLast((lent) => this.#send<Row>(LeasedConnection.serverOf(lent), statement, values))
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
