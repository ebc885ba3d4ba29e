import type { Borrow } from '../../dialect.js'
import { StatementRunner as Runner, type ErrorReader } from '../../rows/statement-runner.js'
import type { MysqlConnection } from '../connection/connection.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { DEADLOCK, errorNumber, isPermanent, LOCK_WAIT_TIMEOUT } from '../connection/server-errors.js'
import { ROLLBACK } from '../connection/transaction-sql.js'
import { LeasedConnection } from '../pool/leased-connection.js'

/** The row has changed since the transaction read it. */
const CHANGED_MEANWHILE = 1020
/** A text is longer than its column: there are more waiters than a row can hold. */
const TOO_LONG = 1406

/**
 * A deadlock, which in a cluster includes a transaction that lost a conflict at its COMMIT; or a timeout of a wait for
 * a lock. The server has undone everything.
 */
const UNDONE: ReadonlySet<number> = new Set([DEADLOCK, LOCK_WAIT_TIMEOUT, CHANGED_MEANWHILE])

/** Any other error may have come after the COMMIT of the statement. */
const ERRORS: ErrorReader = {
  outcomeOf: (error) => {
    const number = errorNumber(error)
    if (number === undefined) return 'lost'
    if (UNDONE.has(number)) return 'undone'
    return isPermanent(error) || number === TOO_LONG ? 'refused' : 'lost'
  },
  isBroken: (error) => ERRORS.outcomeOf(error) === 'lost',
}

type Values = readonly (string | number | null)[]

/** Runs the statements of one member in MariaDB and MySQL. None of them depends on its session. */
export class StatementRunner {
  readonly #runner: Runner<MysqlConnection>

  constructor(borrow: Borrow<MysqlConnection>, limitMs: number) {
    this.#runner = new Runner(borrow, limitMs, ERRORS)
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  on<T>(use: (connection: ServerConnection) => Promise<T>): Promise<T> {
    return this.#runner.on((borrowed) => use(LeasedConnection.serverOf(borrowed)))
  }

  /** Calls a procedure and returns its rows. */
  call(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#runner.once((borrowed) => tidily(borrowed, (connection) => connection.call(sql, values)))
  }

  /** Does the same for procedures that may run twice. */
  callAtLast(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#runner.atLast((borrowed) => tidily(borrowed, (connection) => connection.call(sql, values)))
  }

  /** Runs a statement and returns the number of changed rows. */
  change(sql: string, values: Values): Promise<number> {
    return this.#runner.once((borrowed) => tidily(borrowed, (connection) => connection.change(sql, values)))
  }

  changeAtLast(sql: string, values: Values): Promise<number> {
    return this.#runner.atLast((borrowed) => tidily(borrowed, (connection) => connection.change(sql, values)))
  }

  rows(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#runner.atLast((borrowed) => LeasedConnection.serverOf(borrowed).say(sql, values))
  }
}

/** A lock timeout undoes a statement but leaves its transaction open, so this rolls back. */
async function tidily<T>(
  borrowed: MysqlConnection,
  send: (connection: ServerConnection) => Promise<T>,
): Promise<T> {
  const connection = LeasedConnection.serverOf(borrowed)
  try {
    return await send(connection)
  } catch (error) {
    if (!ERRORS.isBroken(error)) await connection.say(ROLLBACK).catch(() => connection.destroy())
    throw error
  }
}
