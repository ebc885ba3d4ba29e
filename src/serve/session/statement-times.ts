import type { Clock } from '../../base/clock.js'
import { LockTimeoutError } from '../../base/errors.js'
import type { WaitLimits } from '../locks/lock-source.js'
import { SqlError } from '../messages/sql-error.js'
import type { AbortControllers } from './abort-controllers.js'
import type { Settings } from '../client/client-settings.js'

/** The longest time limit of the pool, apart from Infinity. */
const LONGEST_MS = 86_400_000

/** How long the current statement may still take, by the client's timeouts, and whether the client has canceled it. */
export class StatementTimes {
  readonly #clock: Clock
  readonly #settings: Settings
  readonly #aborts: AbortControllers
  #since = 0
  /** Not null while a statement waits for locks. */
  #controller: AbortController | null = null
  /** Whether the statement's timeout comes before the lock's timeout. */
  #isStatementFirst = false

  constructor(clock: Clock, settings: Settings, aborts: AbortControllers) {
    this.#aborts = aborts
    this.#clock = clock
    this.#settings = settings
  }

  begin(): void {
    this.#since = this.#clock.now()
  }

  waitLimits(label: string): WaitLimits {
    this.#controller ??= this.#aborts.take()
    const statementMs = this.#settings.timeoutMs('statement_timeout')
    const remainingMs = statementMs === Infinity ? Infinity : statementMs - (this.#clock.now() - this.#since)
    const lockMs = this.#settings.timeoutMs('lock_timeout')
    this.#isStatementFirst = remainingMs < lockMs
    const timeoutMs = Math.max(Math.ceil(Math.min(remainingMs, lockMs)), 1)
    return {
      timeoutMs: timeoutMs > LONGEST_MS ? Infinity : timeoutMs,
      signal: this.#controller.signal,
      label,
    }
  }

  /** No statement is running any more. */
  end(): void {
    if (this.#controller === null) return
    this.#aborts.put(this.#controller)
    this.#controller = null
  }

  cancel(reason: SqlError): void {
    this.#controller?.abort(reason)
    this.#controller = null
  }

  /** If the statement's timeout came first, the pool's timeout becomes that of the statement. */
  explain(error: unknown): unknown {
    if (!(error instanceof LockTimeoutError) || !this.#isStatementFirst) return error
    return new SqlError('57014', 'canceling statement due to statement timeout', { cause: error })
  }
}
