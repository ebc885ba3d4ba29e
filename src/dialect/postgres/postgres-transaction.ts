import type { Clock } from '../../base/clock.js'
import { ConnectionError, InvalidOptionError, LockTimeoutError } from '../../base/errors.js'
import type { LockKey, LockMode } from '../lock-key.js'
import type {
  LockRowsOptions,
  LockTableOptions,
  LockTransaction,
  TableLockMode,
  TransactionLockOptions,
} from './lock-transaction.js'
import type { Queryable, QueryConfig, QueryResult } from '../queryable.js'
import { sqlState } from './postgres-errors.js'
import { advisoryLocation, type PostgresKey } from './postgres-key.js'
import { quoteTable, whereAll } from './quoting.js'
import { checkChoice, holdersInWords, timeoutSetting, type HolderRow } from './transaction-words.js'
import {
  ADVISORY_HOLDERS,
  LOCK_IN_TRANSACTION,
  lockRowsStatement,
  lockTableStatement,
  RELEASE_SAVEPOINT,
  RESTORE_LOCK_TIMEOUT,
  ROLLBACK_TO_SAVEPOINT,
  ROW_STRENGTHS,
  ROW_WAITS,
  SAVEPOINT,
  SET_LOCK_TIMEOUT,
  TABLE_HOLDERS,
  TABLE_MODES,
  TRY_LOCK_IN_TRANSACTION,
} from './transaction-sql.js'

/** What an attempt to lock is about, for its error. */
interface Attempt {
  readonly what: string
  readonly text: string
  readonly values: unknown[]
  /** Null: the statement itself does not wait. */
  readonly timeoutMs: number | null
  readonly holders: readonly [text: string, values: unknown[]]
}

/** What a transaction needs of the pool it belongs to. */
export interface TransactionTools {
  readonly clock: Clock
  readonly defaultTimeoutMs: number
  encode(key: LockKey): PostgresKey
  inWords(key: LockKey): string
}

/** A transaction that is open on `connection`; `direct` is the same without a look at what its statements leave behind. */
export class PostgresTransaction implements LockTransaction {
  readonly #connection: Queryable
  readonly #direct: Queryable
  readonly #tools: TransactionTools
  /** The statements of one attempt stay together, and so does the way back when it fails. */
  #turn: Promise<unknown> = Promise.resolve()
  #isOver = false

  constructor(connection: Queryable, direct: Queryable, tools: TransactionTools) {
    this.#connection = connection
    this.#direct = direct
    this.#tools = tools
  }

  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  query<Row = Record<string, unknown>>(config: QueryConfig): Promise<QueryResult<Row>>
  query<Row>(textOrConfig: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>> {
    return this.#inTurn(() => this.#connection.query<Row>(textOrConfig as string, values))
  }

  async lock(key: LockKey, options: TransactionLockOptions = {}): Promise<void> {
    const mode = checkChoice('mode', options.mode, LOCK_IN_TRANSACTION, 'exclusive')
    const code = this.#tools.encode(key)
    const { timeoutMs = this.#tools.defaultTimeoutMs } = options
    const setting = timeoutSetting(timeoutMs)
    if (timeoutMs === 0 && (await this.#tryLock(code, mode))) return
    const holders = [ADVISORY_HOLDERS, advisoryLocation(code)] as const
    if (timeoutMs === 0) throw await this.#timedOut({ what: this.#tools.inWords(key), holders }, 0)
    const text = LOCK_IN_TRANSACTION[mode][code.isPair ? 'pair' : 'bigint']
    const attempt = { what: this.#tools.inWords(key), text, values: keyValues(code), holders }
    await this.#attempt({ ...attempt, timeoutMs: setting })
  }

  async tryLock(key: LockKey, options: { readonly mode?: LockMode } = {}): Promise<boolean> {
    const mode = checkChoice('mode', options.mode, LOCK_IN_TRANSACTION, 'exclusive')
    return this.#tryLock(this.#tools.encode(key), mode)
  }

  async lockRows<Row = Record<string, unknown>>(
    table: string,
    where: Readonly<Record<string, unknown>>,
    options: LockRowsOptions = {},
  ): Promise<Row[]> {
    const strength = checkChoice('strength', options.strength, ROW_STRENGTHS, 'update')
    const wait = checkChoice('wait', options.wait, ROW_WAITS, 'block')
    const name = quoteTable(table)
    const { clause, values } = whereAll(where)
    const { rows } = await this.#attempt<Row>({
      what: `rows of ${table}`,
      text: lockRowsStatement(name, clause, strength, wait),
      values,
      timeoutMs: wait === 'block' ? this.#timeout(options.timeoutMs) : null,
      holders: [TABLE_HOLDERS, [name]],
    })
    return rows
  }

  async lockTable(table: string, mode: TableLockMode, options: LockTableOptions = {}): Promise<void> {
    const checked = checkChoice('mode', mode, TABLE_MODES)
    const wait = checkChoice('wait', options.wait, { block: '', nowait: '' }, 'block')
    const name = quoteTable(table)
    await this.#attempt({
      what: `table ${table}`,
      text: lockTableStatement(name, checked, wait),
      values: [],
      timeoutMs: wait === 'block' ? this.#timeout(options.timeoutMs) : null,
      holders: [TABLE_HOLDERS, [name]],
    })
  }

  /** For whoever opened it: nothing more is sent. */
  end(): Promise<unknown> {
    this.#isOver = true
    return this.#turn
  }

  #timeout(timeoutMs: number | undefined): number {
    const setting = timeoutSetting(timeoutMs ?? this.#tools.defaultTimeoutMs)
    // For the server 0 is without end, and for us it is no wait at all: that is what `nowait` is for.
    if (timeoutMs === 0) throw new InvalidOptionError(['"timeoutMs" can\'t be 0 here: use wait: "nowait"'])
    return setting
  }

  async #tryLock(code: PostgresKey, mode: LockMode): Promise<boolean> {
    const text = TRY_LOCK_IN_TRANSACTION[mode][code.isPair ? 'pair' : 'bigint']
    const { rows } = await this.#inTurn(() => this.#direct.query<{ granted: boolean }>(text, keyValues(code)))
    return rows[0]!.granted
  }

  #attempt<Row>(attempt: Attempt): Promise<QueryResult<Row>> {
    return this.#inTurn(async () => {
      const since = this.#tools.clock.now()
      const { saving, making, others } = this.#send<Row>(attempt)
      const [saved, made] = await Promise.allSettled([saving, making, ...others] as const)
      if (made.status === 'fulfilled') return made.value
      // Without the savepoint there is nothing to go back to: the transaction had failed before.
      if (saved.status === 'rejected') throw saved.reason
      await this.#direct.query(ROLLBACK_TO_SAVEPOINT)
      if (sqlState(made.reason) !== LOCK_NOT_AVAILABLE) throw made.reason
      throw await this.#timedOut(attempt, this.#tools.clock.now() - since, made.reason)
    })
  }

  /** All in one flight: when one has failed, the server refuses those behind it. */
  #send<Row>({ text, values, timeoutMs }: Attempt): {
    readonly saving: Promise<unknown>
    readonly making: Promise<QueryResult<Row>>
    readonly others: readonly Promise<unknown>[]
  } {
    const direct = this.#direct
    const saving = direct.query(SAVEPOINT)
    const others: Promise<unknown>[] = []
    if (timeoutMs !== null) others.push(direct.query(SET_LOCK_TIMEOUT, [String(timeoutMs)]))
    const making = direct.query<Row>(text, values)
    if (timeoutMs !== null) others.push(direct.query(RESTORE_LOCK_TIMEOUT))
    others.push(direct.query(RELEASE_SAVEPOINT))
    return { saving, making, others }
  }

  async #timedOut(
    { what, holders: [text, values] }: Pick<Attempt, 'what' | 'holders'>,
    waitedMs: number,
    cause?: unknown,
  ): Promise<LockTimeoutError> {
    const { rows } = await this.#direct.query<HolderRow>(text, values)
    const details = { key: what, phase: 'locking', waitedMs, holder: holdersInWords(rows) } as const
    return new LockTimeoutError(details, cause === undefined ? undefined : { cause })
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (this.#isOver) {
      return Promise.reject(new ConnectionError('this transaction is over', { retryable: false }))
    }
    const acted = this.#turn.then(act)
    this.#turn = acted.catch(() => undefined)
    return acted
  }
}

/** lock_not_available: the time was up, or with NOWAIT it was not free. */
const LOCK_NOT_AVAILABLE = '55P03'

export function keyValues({ bits, isPair, high, low }: PostgresKey): unknown[] {
  return isPair ? [high, low] : [bits]
}
