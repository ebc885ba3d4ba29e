import type { Borrow } from '../../dialect.js'
import { StatementRunner as Runner, type ErrorReader } from '../../rows/statement-runner.js'
import type { MysqlConnection } from '../connection/connection.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { DEADLOCK, errorNumber, isHopeless, LOCK_WAIT_TIMEOUT } from '../connection/server-errors.js'
import { ROLLBACK } from '../connection/transaction-sql.js'
import { LeasedConnection } from '../pool/leased-connection.js'

/** A row has changed since the transaction has seen it. */
const CHANGED_MEANWHILE = 1020
/** A text is longer than its column: more waiters than a row has room for. */
const TOO_LONG = 1406

/**
 * A deadlock, and in a cluster a transaction that another one has come before at its COMMIT; or a lock that was waited for
 * in vain. All of it was undone.
 */
const UNDONE: ReadonlySet<number> = new Set([DEADLOCK, LOCK_WAIT_TIMEOUT, CHANGED_MEANWHILE])

/** Whatever is not known to have undone the statement may have come behind its COMMIT. */
const ERRORS: ErrorReader = {
  outcomeOf: (error) => {
    const number = errorNumber(error)
    if (number === undefined) return 'lost'
    if (UNDONE.has(number)) return 'undone'
    return isHopeless(error) || number === TOO_LONG ? 'refused' : 'lost'
  },
  isBroken: (error) => ERRORS.outcomeOf(error) === 'lost',
}

type Values = readonly (string | number | null)[]

/** Statements of one member, in MariaDB and MySQL. None needs anything of the session it runs in. */
export class StatementRunner {
  readonly #runner: Runner<MysqlConnection>

  constructor(borrow: Borrow<MysqlConnection>, patienceMs: number) {
    this.#runner = new Runner(borrow, patienceMs, ERRORS)
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  on<T>(use: (connection: ServerConnection) => Promise<T>): Promise<T> {
    return this.#runner.on((lent) => use(LeasedConnection.serverOf(lent)))
  }

  /** The rows that a procedure answers. */
  call(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#runner.once((lent) => tidily(lent, (connection) => connection.call(sql, values)))
  }

  /** The same of what may be carried out twice. */
  callAtLast(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#runner.atLast((lent) => tidily(lent, (connection) => connection.call(sql, values)))
  }

  /** How many rows a statement has changed. */
  change(sql: string, values: Values): Promise<number> {
    return this.#runner.once((lent) => tidily(lent, (connection) => connection.change(sql, values)))
  }

  changeAtLast(sql: string, values: Values): Promise<number> {
    return this.#runner.atLast((lent) => tidily(lent, (connection) => connection.change(sql, values)))
  }

  rows(sql: string, values: Values): Promise<readonly OwnRow[]> {
    return this.#runner.atLast((lent) => LeasedConnection.serverOf(lent).say(sql, values))
  }
}

/** A lock that was waited for in vain undoes a statement, and leaves its transaction open. */
async function tidily<T>(
  lent: MysqlConnection,
  send: (connection: ServerConnection) => Promise<T>,
): Promise<T> {
  const connection = LeasedConnection.serverOf(lent)
  try {
    return await send(connection)
  } catch (error) {
    if (!ERRORS.isBroken(error)) await connection.say(ROLLBACK).catch(() => connection.destroy())
    throw error
  }
}
