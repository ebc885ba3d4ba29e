import type { Clock } from '../../base/clock.js'
import { LockTimeoutError } from '../../base/errors.js'
import type { Patience } from '../locks/lock-source.js'
import { SqlError } from '../messages/sql-error.js'
import type { Settings } from './client-settings.js'

/** The pool waits at most a day, or for ever. */
const LONGEST_MS = 86_400_000

/** How long the statement under way may still take: what the client has set, and whether it has canceled. */
export class StatementTimes {
  readonly #clock: Clock
  readonly #settings: Settings
  #since = 0
  /** Kept from statement to statement, until it is used. */
  #controller: AbortController | null = null
  /** Whether the end of the statement's time came before that of the lock's. */
  #isStatementFirst = false

  constructor(clock: Clock, settings: Settings) {
    this.#clock = clock
    this.#settings = settings
  }

  begin(): void {
    this.#since = this.#clock.now()
  }

  patience(label: string): Patience {
    this.#controller ??= new AbortController()
    const statementMs = this.#settings.timeoutMs('statement_timeout')
    const leftMs = statementMs === Infinity ? Infinity : statementMs - (this.#clock.now() - this.#since)
    const lockMs = this.#settings.timeoutMs('lock_timeout')
    this.#isStatementFirst = leftMs < lockMs
    const timeoutMs = Math.max(Math.ceil(Math.min(leftMs, lockMs)), 1)
    return {
      timeoutMs: timeoutMs > LONGEST_MS ? Infinity : timeoutMs,
      signal: this.#controller.signal,
      label,
    }
  }

  cancel(reason: SqlError): void {
    this.#controller?.abort(reason)
    this.#controller = null
  }

  /** A time-out of the pool is that of the statement, if this came first. */
  explain(error: unknown): unknown {
    if (!(error instanceof LockTimeoutError) || !this.#isStatementFirst) return error
    return new SqlError('57014', 'canceling statement due to statement timeout', { detail: error.message })
  }
}
