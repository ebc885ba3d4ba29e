import type { Clock } from '../../../base/clock.js'
import {
  ConnectionError,
  LockDeadlockError,
  LockTimeoutError,
  TransactionFailedError,
} from '../../../base/errors.js'
import {
  checkIsObject,
  durationOrInfinity,
  oneOf,
  resolveOptions,
  type OptionTable,
} from '../../../base/options.js'
import type { LockKey } from '../../lock-key.js'
import type { LockRowsOptions, LockTransaction, TransactionLockOptions } from './lock-transaction.js'
import type { MysqlConnection } from '../connection/connection.js'
import { DEADLOCK, errorNumber, LOCK_WAIT_TIMEOUT, NOT_AT_ONCE } from '../connection/server-errors.js'
import { endsTransaction, mayHaveEndedBeforeError } from './end-of-transaction.js'
import { quoteTable, whereAll } from './quoting.js'
import type { ServerConnection } from '../connection/server-connection.js'
import {
  LOCK_WAITS,
  lockRowsStatement,
  ROW_STRENGTHS,
  ROW_WAITS,
  SET_LOCK_WAITS,
} from '../connection/transaction-sql.js'

/** A lock of the pool that ends with the transaction. */
export interface HeldLock {
  readonly signal: AbortSignal
  release(): Promise<void>
}

/** What a transaction needs from its pool. */
export interface TransactionContext {
  readonly clock: Clock
  readonly defaultTimeoutMs: number
  /** The name of this process in messages for people. */
  readonly process: string
  acquire(key: LockKey, options: TransactionLockOptions & { signal?: AbortSignal }): Promise<HeldLock>
  tryAcquire(key: LockKey, options: { signal?: AbortSignal }): Promise<HeldLock | null>
}

const ONE_DAY_MS = 86_400_000

/** The maximum of the server: one year. */
const FOR_EVER_S = 31_536_000

/** A transaction that is open on `connection`. */
export class MysqlTransaction implements LockTransaction {
  readonly #connection: MysqlConnection
  readonly #server: ServerConnection
  readonly #context: TransactionContext
  readonly #signal: AbortSignal | undefined
  readonly #locks: HeldLock[] = []
  /** Keeps the statements of one call together. */
  #last: Promise<unknown> = Promise.resolve()
  #isOver = false
  #rolledBack: unknown = null
  #isEndedByBody = false

  /** `signal` ends the transaction. */
  constructor(
    connection: MysqlConnection,
    server: ServerConnection,
    context: TransactionContext,
    signal?: AbortSignal,
  ) {
    this.#connection = connection
    this.#server = server
    this.#context = context
    this.#signal = signal
  }

  /** The error with which the server itself has rolled back the transaction; null if it has not. */
  get rolledBack(): unknown {
    return this.#rolledBack
  }

  /** Whether the body has sent COMMIT or ROLLBACK itself, or a statement that commits. */
  get isEndedByBody(): boolean {
    return this.#isEndedByBody
  }

  /** The locks that were acquired through the transaction. */
  get locks(): readonly HeldLock[] {
    return this.#locks
  }

  readonly query: MysqlConnection['query'] = ((...args: Parameters<MysqlConnection['query']>) =>
    this.#theirs(args[0], () => this.#connection.query(...args))) as MysqlConnection['query']

  readonly execute: MysqlConnection['execute'] = ((...args: Parameters<MysqlConnection['execute']>) =>
    this.#theirs(args[0], () => this.#connection.execute(...args))) as MysqlConnection['execute']

  async lock(key: LockKey, options: TransactionLockOptions = {}): Promise<void> {
    this.#check()
    checkIsObject(options)
    this.#keep(await this.#context.acquire(key, { ...this.#abortable, ...options }))
  }

  async tryLock(key: LockKey): Promise<boolean> {
    this.#check()
    const lock = await this.#context.tryAcquire(key, this.#abortable)
    if (lock !== null) this.#keep(lock)
    return lock !== null
  }

  async lockRows<Row = Record<string, unknown>>(
    table: string,
    where: Readonly<Record<string, unknown>>,
    options: LockRowsOptions = {},
  ): Promise<Row[]> {
    const { strength, wait, timeoutMs } = resolveOptions<LockRowsOptions>(options, this.#rowOptions)
    const { terms, values } = whereAll(where)
    const product = this.#server.isMariaDb ? 'mariadb' : 'mysql'
    const text = lockRowsStatement(quoteTable(table), terms, strength, wait, product)
    return this.#afterLast(async () => {
      const since = this.#context.clock.now()
      const [rows, tables, rollsBack] = (await this.#server.say(LOCK_WAITS))[0] as readonly [
        number,
        number,
        unknown,
      ]
      const seconds = timeoutMs === Infinity ? FOR_EVER_S : Math.ceil(timeoutMs / 1000)
      await this.#server.say(SET_LOCK_WAITS, [seconds, seconds])
      try {
        return (await this.#connection.query(text, [...values]))[0] as Row[]
      } catch (error) {
        if (errorNumber(error) === LOCK_WAIT_TIMEOUT && Number(rollsBack) === 1) this.#rolledBack = error
        throw this.#explained(error, `rows of ${table}`, this.#context.clock.now() - since)
      } finally {
        if (!this.#server.hasEnded) await this.#server.say(SET_LOCK_WAITS, [rows, tables])
      }
    })
  }

  /** Called by the code that opened the transaction: the body can send nothing after this. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#last
  }

  /** @throws {TransactionFailedError} the body has ended it */
  assertOpen(): void {
    if (!this.#isEndedByBody) return
    const message = 'a statement of the body has ended the transaction; what came before may be committed'
    throw new TransactionFailedError(message, true)
  }

  /** An abort of the transaction ends its waits for keys too. */
  get #abortable(): { readonly signal?: AbortSignal } {
    return this.#signal === undefined ? {} : { signal: this.#signal }
  }

  get #rowOptions(): OptionTable<LockRowsOptions> {
    const range = { default: this.#context.defaultTimeoutMs, min: 1, max: ONE_DAY_MS }
    return {
      strength: oneOf(Object.keys(ROW_STRENGTHS) as (keyof typeof ROW_STRENGTHS)[], 'update'),
      wait: oneOf(Object.keys(ROW_WAITS) as (keyof typeof ROW_WAITS)[], 'block'),
      timeoutMs: durationOrInfinity(range),
    }
  }

  /** Releases a lock at once if it arrives after the end of the transaction. */
  #keep(lock: HeldLock): void {
    if (!this.#isOver) this.#locks.push(lock)
    else {
      void lock.release().catch(() => undefined)
      throw overError()
    }
  }

  #explained(error: unknown, what: string, waitedMs: number): unknown {
    const number = errorNumber(error)
    if (number === LOCK_WAIT_TIMEOUT || number === NOT_AT_ONCE)
      return new LockTimeoutError({ key: what, phase: 'locking', waitedMs }, { cause: error })
    if (number !== DEADLOCK) return error
    const { process } = this.#context
    return new LockDeadlockError(
      { key: what, cycle: [{ process, holds: null, waitsFor: what }] },
      { cause: error },
    )
  }

  #check(): void {
    if (this.#isOver) throw overError()
    this.assertOpen()
    if (this.#rolledBack !== null)
      throw new ConnectionError('the server has rolled this transaction back', {
        cause: this.#rolledBack,
        retryable: false,
      })
  }

  /** Sends a statement of the body. */
  #theirs<T extends readonly [unknown, unknown]>(statement: unknown, send: () => Promise<T>): Promise<T> {
    return this.#afterLast(async () => {
      try {
        const answer = await send()
        if (endsTransaction(statement, answer[0])) this.#isEndedByBody = true
        return answer
      } catch (error) {
        await this.#afterError(statement, error)
        throw error
      }
    })
  }

  /** An error does not show the state of the transaction: a statement that creates a table commits before it fails. */
  async #afterError(statement: unknown, failure: unknown): Promise<void> {
    const number = errorNumber(failure)
    if (number === undefined || this.#server.hasEnded) return
    if (this.#server.takesSeveralStatements && mayHaveEndedBeforeError(statement)) {
      this.#isEndedByBody = true
      return
    }
    if (number === DEADLOCK || (await this.#server.isInTransaction().catch(() => true))) return
    if (number === LOCK_WAIT_TIMEOUT) this.#rolledBack = failure
    else this.#isEndedByBody = true
  }

  #afterLast<T>(act: () => Promise<T>): Promise<T> {
    const acted = this.#last.then(async () => {
      this.#check()
      try {
        return await act()
      } catch (error) {
        // Later statements would run outside of the transaction.
        const cause = error instanceof LockDeadlockError ? error.cause : error
        if (errorNumber(cause) === DEADLOCK) this.#rolledBack = error
        throw error
      }
    })
    this.#last = acted.catch(() => undefined)
    return acted
  }
}

function overError(): ConnectionError {
  return new ConnectionError('this transaction is over', { retryable: false })
}
