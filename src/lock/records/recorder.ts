import type { Cancel, Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'

const LOOK_EVERY_MS = 1000

/** The pause after a failed attempt: nothing depends on the records. */
const RETRY_MS = 60_000

/** The connection comes from the pool, which the program needs, so the wait for one is too short to be noticed. */
const WAIT_LIMIT_MS = 1000

/** A silent server keeps a connection from the program no longer than this. */
const ANSWER_LIMIT_MS = 10_000

export interface RecorderHost<C extends object> {
  readonly connections: ConnectionPool<C>
  readonly clock: Clock
  warn(message: string, error?: Error): void
}

export interface Records<C extends object> {
  /** What is missing without the records, for a warning. */
  readonly consequence: string
  /** Whether there is anything to write. Only then a connection is borrowed. */
  isDue(): boolean
  write(connection: C): Promise<void>
  /** Called after a failure: it is unknown how much has arrived. */
  failed(): void
}

/**
 * Writes records for people who look at locks, at most once a second and on a borrowed connection, so the path of a lock
 * costs nothing more. Nothing depends on them: a failure is one warning, and the next attempt comes a minute later.
 */
export class Recorder<C extends object> {
  readonly #host: RecorderHost<C>
  readonly #records: Records<C>
  #cancel: Cancel | null = null
  #isRunning = false
  #isClosed = false
  #isReported = false

  constructor(host: RecorderHost<C>, records: Records<C>) {
    this.#host = host
    this.#records = records
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  start(): void {
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    this.#lookIn(LOOK_EVERY_MS)
  }

  stop(): void {
    this.#isRunning = false
    this.#cancel?.()
    this.#cancel = null
  }

  close(): void {
    this.#isClosed = true
    this.stop()
  }

  #lookIn(delayMs: number): void {
    this.#cancel?.()
    this.#cancel = this.#host.clock.after(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const isWritten = this.#records.isDue() ? await this.#write() : true
    // It may have been stopped meanwhile, and perhaps started again.
    if (this.#isRunning) this.#lookIn(isWritten ? LOOK_EVERY_MS : RETRY_MS)
  }

  async #write(): Promise<boolean> {
    const { connections, clock } = this.#host
    const late = (): Error => new ConnectionError(`the server did not answer within ${ANSWER_LIMIT_MS} ms`)
    try {
      await connections.use(
        (connection) => inTime(clock, ANSWER_LIMIT_MS, this.#records.write(connection), late),
        { timeoutMs: WAIT_LIMIT_MS },
      )
    } catch (error) {
      if (!this.#isReported && !this.#isClosed) this.#host.warn(this.#records.consequence, error as Error)
      this.#isReported = true
      this.#records.failed()
      return false
    }
    this.#isReported = false
    return true
  }
}
