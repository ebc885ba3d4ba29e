import { backoffDelay, type Backoff } from '../../base/backoff.js'
import { sleep, type Clock } from '../../base/clock.js'
import { FencingUnavailableError } from '../../base/errors.js'
import type { Random } from '../../base/random.js'
import type { Dialect } from '../../dialect/dialect.js'
import type { LeaderInfo, LeaderRecord } from '../../dialect/leader.js'
import type { KeyCode } from '../../dialect/lock-key.js'
import { askOnce } from '../../pool/ask-once.js'
import type { ConnectOptions } from '../../pool/connect-request.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'

/** The pause between attempts to record a name. */
const RETRY: Backoff = { firstMs: 500, factor: 2, capMs: 30_000, jitter: 0.5 }

/** How long the server may take to say who leads, or to record it. */
const ANSWER_LIMIT_MS = 5000

export interface LeaderBoardHost<C extends object> {
  readonly connections: ConnectionPool<C>
  readonly dialect: Dialect<C>
  readonly clock: Clock
  readonly random: Random
  warn(message: string, error?: Error): void
}

/**
 * Where leaders record their names, for all processes to read. No election depends on it: a failed write is repeated or
 * reported, and the leader leads.
 */
export class LeaderBoard<C extends object> {
  readonly #host: LeaderBoardHost<C>
  readonly #isAlone: boolean
  /** Lasting reasons are reported once, not at each election. */
  #reported: string | null = null

  /** `isAlone`: the pool has only one connection, and the lock is on it. */
  constructor(host: LeaderBoardHost<C>, isAlone: boolean) {
    this.#host = host
    this.#isAlone = isAlone
  }

  /** @throws as `connections.connect`, and {ConnectionError} if the server does not answer */
  read(key: KeyCode, options: ConnectOptions): Promise<LeaderInfo | null> {
    const { connections, dialect, clock } = this.#host
    const limits = { clock, limitMs: ANSWER_LIMIT_MS, signal: options.signal }
    return askOnce(
      () => connections.connect(options),
      limits,
      (connection) => dialect.readLeader(connection, key),
    )
  }

  /**
   * Resolves after the first attempt; others follow in the background, at most until the end of the term. Never rejects.
   * The record is null if there are no tokens.
   */
  async write(record: LeaderRecord | null, term: AbortSignal): Promise<void> {
    if (record === null) return this.#report('there are no fencing tokens')
    if (this.#isAlone) return this.#report('"max" is 1, and the lock is on that connection')
    const error = await this.#attempt(record, term)
    if (error === null || term.aborted) return
    if (error instanceof FencingUnavailableError) return this.#report(error.message, error)
    this.#host.warn('the name of the leader is not recorded yet', error)
    void this.#writeLater(record, term)
  }

  async #writeLater(record: LeaderRecord, term: AbortSignal): Promise<void> {
    const { clock, random } = this.#host
    for (let attempt = 0; !term.aborted; attempt++) {
      await sleep(clock, backoffDelay(RETRY, attempt, random), term)
      if (term.aborted || (await this.#attempt(record, term)) === null) return
    }
  }

  async #attempt(record: LeaderRecord, signal: AbortSignal): Promise<Error | null> {
    const { connections, dialect, clock } = this.#host
    try {
      await askOnce(
        () => connections.connect({ signal }),
        { clock, limitMs: ANSWER_LIMIT_MS, signal },
        (connection) => dialect.recordLeader(connection, record),
      )
      return null
    } catch (error) {
      return error as Error
    }
  }

  #report(reason: string, error?: Error): void {
    if (this.#reported === reason) return
    this.#reported = reason
    this.#host.warn(`leader names are unavailable: ${reason}`, error)
  }
}
