import type { Clock } from '../../../base/clock.js'
import {
  ConnectionError,
  InvalidOptionError,
  LockReentryError,
  TransactionFailedError,
} from '../../../base/errors.js'
import type { LockKey, LockMode } from '../../lock-key.js'
import type { Queryable, QueryConfig, QueryResult } from '../../queryable.js'
import { deadlocked, timedOut, type LockAttempt } from './lock-attempt.js'
import type {
  LockRowsOptions,
  LockTableOptions,
  LockTransaction,
  TableLockMode,
  TransactionLockOptions,
} from './lock-transaction.js'
import { TABLE_HOLDERS } from './in-the-way-sql.js'
import {
  DEADLOCK_DETECTED,
  isWaitForTable,
  LOCK_NOT_AVAILABLE,
  sqlState,
} from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { advisoryLocation, type PostgresKey } from '../keys/key.js'
import { isAnotherTransaction } from './another-transaction-sql.js'
import { FIND_EQUALITY, IS_BUILT_IN } from './equality-sql.js'
import { quoteTable, whereAll, type Condition } from './quoting.js'
import { CONFLICTING_MODES, MODES_WITH_ROWS } from './table-modes.js'
import { checkChoice, checkNames, timeoutSetting } from './transaction-words.js'
import {
  ADVISORY_HOLDERS,
  LOCK_IN_TRANSACTION,
  lockRowsStatement,
  lockTableStatement,
  ROLLBACK_TO_SAVEPOINT,
  ROW_STRENGTHS,
  ROW_WAITS,
  SAVEPOINT,
  SET_LOCK_TIMEOUT,
  SETTLE_ATTEMPT,
  TABLE_MODES,
  TRY_LOCK_IN_TRANSACTION,
} from './transaction-sql.js'

/** The keys that a transaction has locked: the ids of their codes, with their names. */
export type LockedKeys = ReadonlyMap<string, string>

/** What a transaction needs from its pool. */
export interface TransactionContext {
  readonly clock: Clock
  readonly defaultTimeoutMs: number
  encode(key: LockKey): PostgresKey
  inWords(key: LockKey): string
  text(key: LockKey): string
  /** Whether an enclosing body holds the key by other means than the transaction that has locked `own`. */
  isHeldAround(keyId: string, own: LockedKeys | null): boolean
}

/**
 * A transaction that is open on `connection`. Statements through `direct` are not recorded for the reset of the
 * session.
 */
export class PostgresTransaction implements LockTransaction {
  readonly #connection: Queryable
  readonly #direct: Direct
  readonly #context: TransactionContext
  readonly #locked = new Map<string, string>()
  /** Keeps the statements of one attempt together, including the rollback after a failure. */
  #last: Promise<unknown> = Promise.resolve()
  /** The last attempt has succeeded, and its savepoint and timeout still exist. */
  #isUnsettled = false
  #isOver = false
  /** The body has sent COMMIT or ROLLBACK itself, so no locks are held any more. */
  #isEndedByBody = false

  constructor(connection: Queryable, direct: Direct, context: TransactionContext) {
    this.#connection = connection
    this.#direct = direct
    this.#context = context
  }

  /** The keys locked so far. Empty once the transaction is over. */
  get locked(): LockedKeys {
    return this.#locked
  }

  /** Whether the transaction belongs to the same pool as `context`, so that keys mean the same. */
  isOf(context: TransactionContext): boolean {
    return this.#context === context
  }

  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
  query<Row>(textOrConfig: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    const text = textOf(textOrConfig)
    return this.#afterLast(async () => {
      // A text with several statements may end the transaction before one of them fails.
      const completed = text.includes(';') ? this.#direct.watchCommands() : null
      try {
        const result = await this.#connection.query<Row>(textOrConfig as string, values)
        this.#lookForEnd(commandsOf(result), text)
        return result
      } catch (error) {
        // The driver rejects before the server has sent the state of the transaction, so an empty statement waits for
        // that.
        await this.#direct.query('').catch(() => undefined)
        this.#lookForEnd(completed?.names ?? [], text)
        throw error
      } finally {
        completed?.stop()
      }
    })
  }

  async lock(key: LockKey, options: TransactionLockOptions = {}): Promise<void> {
    checkNames(options, 'mode', 'timeoutMs')
    const mode = checkChoice('mode', options.mode, LOCK_IN_TRANSACTION, 'exclusive')
    const code = this.#context.encode(key)
    const setting = timeoutSetting(options.timeoutMs ?? this.#context.defaultTimeoutMs)
    const what = this.#context.inWords(key)
    const text = LOCK_IN_TRANSACTION[mode][code.isPair ? 'pair' : 'bigint']
    const holders = (): readonly [string, unknown[]] => [ADVISORY_HOLDERS, advisoryLocation(code)]
    const isAgain = this.#context.isHeldAround(code.id, this.#locked)
    if (isAgain || options.timeoutMs === 0) {
      if (await this.#tryLock(key, code, mode)) return
      if (isAgain) throw new LockReentryError(what)
      throw await this.#afterLast(() => timedOut(this.#direct, { what, holders }, 0))
    }
    const wanted = this.#context.text(key)
    await this.#attempt({ what, wanted, text, values: keyValues(code), timeoutMs: setting, holders })
    this.#locked.set(code.id, wanted)
  }

  async tryLock(key: LockKey, options: { readonly mode?: LockMode } = {}): Promise<boolean> {
    checkNames(options, 'mode')
    const mode = checkChoice('mode', options.mode, LOCK_IN_TRANSACTION, 'exclusive')
    return this.#tryLock(key, this.#context.encode(key), mode)
  }

  async lockRows<Row = Record<string, unknown>>(
    table: string,
    where: Readonly<Record<string, unknown>>,
    options: LockRowsOptions = {},
  ): Promise<Row[]> {
    checkNames(options, 'strength', 'wait', 'timeoutMs')
    const strength = checkChoice('strength', options.strength, ROW_STRENGTHS, 'update')
    const wait = checkChoice('wait', options.wait, ROW_WAITS, 'block')
    const name = quoteTable(table)
    const what = `rows of ${table}`
    const timeoutMs = this.#timeout(options.timeoutMs, wait)
    const holders = (error: unknown): readonly [string, unknown[]] => {
      const modes = isWaitForTable(error) ? CONFLICTING_MODES['row share'] : MODES_WITH_ROWS
      return [TABLE_HOLDERS, [name, modes]]
    }
    const attempt = ({ terms, values }: Condition, first?: () => Promise<unknown>): LockAttempt => {
      const text = lockRowsStatement(name, terms, strength, wait)
      return { what, wanted: what, text, values, isTheirs: true, timeoutMs, holders, ...(first && { first }) }
    }
    return this.#lockRows<Row>(name, where, attempt)
  }

  async lockTable(table: string, mode: TableLockMode, options: LockTableOptions = {}): Promise<void> {
    checkNames(options, 'wait', 'timeoutMs')
    const checked = checkChoice('mode', mode, TABLE_MODES)
    const wait = checkChoice('wait', options.wait, { block: '', nowait: '' }, 'block')
    const name = quoteTable(table)
    const what = `table ${table}`
    await this.#attempt({
      what,
      wanted: what,
      text: lockTableStatement(name, checked, wait),
      values: [],
      timeoutMs: this.#timeout(options.timeoutMs, wait),
      holders: () => [TABLE_HOLDERS, [name, CONFLICTING_MODES[checked]]],
    })
  }

  get isEndedByBody(): boolean {
    return this.#isEndedByBody
  }

  /** @throws {TransactionFailedError} the body has ended it */
  assertOpen(): void {
    if (!this.#isEndedByBody) return
    const message =
      'a statement of the body has ended the transaction, and its locks with it; what came before may be committed'
    throw new TransactionFailedError(message, true)
  }

  /** Called by the code that opened the transaction: the body can send nothing after this. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#last
  }

  /**
   * Sends the cleanup of the last attempt, before other statements are sent. It is not sent together with the attempt:
   * if the attempt failed, the server would refuse it and log each refusal.
   */
  settle(): void {
    if (!this.#isUnsettled) return
    this.#isUnsettled = false
    // This fails only with the connection, and then the statements after it fail too.
    this.#direct.query(SETTLE_ATTEMPT).catch(() => undefined)
  }

  /** Called after commit or rollback, when no locks are held any more. */
  over(): void {
    this.#locked.clear()
  }

  /**
   * The timeout of a lock on rows or a table. NOWAIT and SKIP LOCKED do not wait for rows, but they still wait for the
   * lock on the table, for example during a migration.
   */
  #timeout(timeoutMs: number | undefined, wait: 'block' | 'nowait' | 'skip locked'): number {
    const setting = timeoutSetting(timeoutMs === undefined ? this.#context.defaultTimeoutMs : timeoutMs)
    if (timeoutMs !== 0) return setting
    // For the server 0 means no limit; for us it means no wait, which is what `nowait` is for.
    if (wait === 'block') throw new InvalidOptionError(['"timeoutMs" can\'t be 0 here: use wait: "nowait"'])
    return 1
  }

  async #tryLock(key: LockKey, code: PostgresKey, mode: LockMode): Promise<boolean> {
    const text = TRY_LOCK_IN_TRANSACTION[mode][code.isPair ? 'pair' : 'bigint']
    const { rows } = await this.#afterLast(() =>
      this.#direct.query<{ granted: boolean }>(text, keyValues(code)),
    )
    const { granted } = rows[0]!
    if (granted) this.#locked.set(code.id, this.#context.text(key))
    return granted
  }

  /**
   * Tries with the built-in operators first, which are nearly always right. If they are not, the first flight has
   * locked nothing, and a second one follows.
   */
  async #lockRows<Row>(
    table: string,
    where: Readonly<Record<string, unknown>>,
    attempt: (condition: Condition, first?: () => Promise<unknown>) => LockAttempt,
  ): Promise<Row[]> {
    const condition = whereAll(where)
    if (condition.values.length === 0) return (await this.#attempt<Row>(attempt(condition))).rows
    let schemas: Readonly<Record<string, string>> = {}
    const first = async (): Promise<void> => {
      schemas = await findEquality(this.#direct, table, Object.keys(where))
    }
    const ifBuiltIn = { ...condition, terms: [IS_BUILT_IN, ...condition.terms] }
    const { rows } = await this.#attempt<Row>(attempt(ifBuiltIn, first))
    if (Object.keys(schemas).length === 0) return rows
    return (await this.#attempt<Row>(attempt(whereAll(where, schemas)))).rows
  }

  #attempt<Row>(attempt: LockAttempt): Promise<QueryResult<Row>> {
    return this.#afterLast(async () => {
      const since = this.#context.clock.now()
      const [saved, , known, made] = await Promise.allSettled(this.#send<Row>(attempt))
      if (made.status === 'fulfilled') {
        this.#isUnsettled = true
        return made.value
      }
      // If the savepoint was refused, the transaction had failed before, and there is nothing to roll back to.
      if (saved.status === 'rejected') throw saved.reason
      await this.#direct.query(ROLLBACK_TO_SAVEPOINT)
      const { reason } = known.status === 'rejected' ? known : made
      throw await this.#explained(attempt, reason, this.#context.clock.now() - since)
    })
  }

  /** Sends everything at once. When one statement fails, the server refuses those after it. */
  #send<Row>({ text, values, timeoutMs, first, isTheirs = false }: LockAttempt): Flight<Row> {
    const direct = this.#direct
    return [
      direct.query(SAVEPOINT),
      direct.query(SET_LOCK_TIMEOUT, [String(timeoutMs)]),
      first?.() ?? NOTHING,
      (isTheirs ? this.#connection : direct).query<Row>(text, values),
    ]
  }

  /**
   * Detects the end of the transaction, by the commands that the server has completed. A transaction that follows in the
   * same text, or by AND CHAIN, is another one, without the locks.
   */
  #lookForEnd(commands: readonly unknown[], text: string): void {
    const isOver = !this.#direct.isInTransaction || isAnotherTransaction(commands, text)
    if (isOver) this.#isEndedByBody = true
  }

  async #explained(attempt: LockAttempt, error: unknown, waitedMs: number): Promise<unknown> {
    const state = sqlState(error)
    if (state === LOCK_NOT_AVAILABLE) return timedOut(this.#direct, attempt, waitedMs, error)
    if (state === DEADLOCK_DETECTED) return deadlocked(this.#direct, attempt, this.#locked, error)
    return error
  }

  #afterLast<T>(act: () => Promise<T>): Promise<T> {
    if (this.#isOver) {
      return Promise.reject(new ConnectionError('this transaction is over', { retryable: false }))
    }
    const acted = this.#last.then(() => {
      this.assertOpen()
      this.settle()
      return act()
    })
    this.#last = acted.catch(() => undefined)
    return acted
  }
}

const NOTHING = Promise.resolve()

type Direct = Queryable & Pick<ServerConnection, 'isInTransaction' | 'watchCommands'>

/** A wrong argument has no text. The driver rejects it. */
function textOf(statement: unknown): string {
  const text = typeof statement === 'string' ? statement : (statement as Partial<QueryConfig> | null)?.text
  return typeof text === 'string' ? text : ''
}

/** A text with several statements has a list of results. */
function commandsOf(result: unknown): unknown[] {
  return [result].flat().map((each) => (each as Partial<QueryResult> | null)?.command)
}

/** The results of the statements of one attempt. */
type Flight<Row> = [
  saved: Promise<unknown>,
  set: Promise<unknown>,
  known: Promise<unknown>,
  made: Promise<QueryResult<Row>>,
]

/** The schemas of operators that are not built in, by column. */
async function findEquality(
  direct: Queryable,
  table: string,
  columns: readonly string[],
): Promise<Record<string, string>> {
  const { rows } = await direct.query<{ schemas: string }>(FIND_EQUALITY, [table, columns])
  return JSON.parse(rows[0]!.schemas) as Record<string, string>
}

export function keyValues({ bits, isPair, high, low }: PostgresKey): (string | number)[] {
  return isPair ? [high, low] : [bits]
}
