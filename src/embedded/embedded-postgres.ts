import { systemClock } from '../base/clock.js'
import { SUPERUSER } from './data-folder.js'
import { EmbeddedPostgresError } from './embedded-postgres-error.js'
import { LOOPBACK } from './free-port.js'
import type { Guard, GuardedProgram } from './guard.js'
import { readLog, runServer, untilReady, type ServerPlan } from './server-process.js'
import { settlesWithin } from './settles-within.js'

/**
 * How a server stops, in PostgreSQL's own words.
 *
 * - `smart`: accepts no new clients, and waits for the current ones to disconnect, if necessary forever
 * - `fast`: ends the sessions of all clients (57P01), and flushes everything to disk
 * - `immediate`: like a crash; the next start must recover (57P02)
 *
 * If a server has not stopped after 10 s of `fast`, it is stopped with `immediate`, and killed after another 10 s. On
 * Windows, which has no signals, every mode is a crash.
 */
export type StopMode = 'smart' | 'fast' | 'immediate'

const STOP_SIGNALS: Readonly<Record<StopMode, NodeJS.Signals>> = {
  smart: 'SIGTERM',
  fast: 'SIGINT',
  immediate: 'SIGQUIT',
}

const STOP_TIMEOUT_MS = 10_000

/** A PostgreSQL server that ends, and whose data is deleted, with `stop()` or with this process, however that ends. */
export class EmbeddedPostgres implements AsyncDisposable {
  /** The address for any client: user, password, 127.0.0.1, port, and the database `postgres`. The user is a superuser. */
  readonly url: string
  /** The port on 127.0.0.1. */
  readonly port: number
  /** The temporary folder with everything that the server has on disk. */
  readonly directory: string
  readonly #guard: Guard
  readonly #plan: ServerPlan
  readonly #startTimeoutMs: number
  #server: GuardedProgram
  /** Settles when the last requested restart has ended. Restarts run one after the other. */
  #restarted: Promise<void> = Promise.resolve()
  /** Set by the first `stop()`. */
  #stopped: Promise<void> | null = null
  #lastLog: string | null = null

  /** @internal Takes over a server that is ready. */
  constructor(
    guard: Guard,
    plan: ServerPlan,
    server: GuardedProgram,
    details: { readonly directory: string; readonly password: string; readonly startTimeoutMs: number },
  ) {
    this.url = `postgres://${SUPERUSER}:${details.password}@${LOOPBACK}:${plan.port}/postgres`
    this.port = plan.port
    this.directory = details.directory
    this.#guard = guard
    this.#plan = plan
    this.#server = server
    this.#startTimeoutMs = details.startTimeoutMs
  }

  /** The process id of the postmaster. It changes with a restart. */
  get processId(): number {
    return this.#server.processId!
  }

  /** The server's log so far, including restarts; after `stop()`, all of it. */
  async log(): Promise<string> {
    return this.#lastLog ?? readLog(this.#plan)
  }

  /**
   * Ends the server and removes its folder. Resolves when both are gone. Calling it again returns the same promise, and
   * can only make things faster: `stop('fast')` ends the wait of an earlier `stop('smart')`.
   */
  stop(mode: StopMode = 'fast'): Promise<void> {
    const ended = this.#end(mode)
    this.#stopped ??= this.#guard.hold(this.#leave(ended))
    return this.#stopped
  }

  /** Does the same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /**
   * Ends the server, if it has not ended by itself, and starts it again with the same data, on the same port. Resolves
   * when it is ready.
   *
   * @throws {EmbeddedPostgresError} `START_FAILED`, `PORT_IN_USE`, `START_TIMED_OUT` or `SERVER_STOPPED`.
   */
  restart(mode: StopMode = 'fast'): Promise<void> {
    const restarted = this.#restarted.then(() => this.#guard.hold(this.#restart(mode)))
    // The caller gets the error; the next call tries again.
    this.#restarted = restarted.catch(() => undefined)
    return restarted
  }

  async #restart(mode: StopMode): Promise<void> {
    if (this.#stopped === null) await this.#end(mode)
    if (this.#stopped !== null) throw stoppedError()
    this.#server = runServer(this.#guard, this.#plan)
    try {
      await untilReady(this.#server, this.#plan, systemClock.now() + this.#startTimeoutMs)
    } catch (error) {
      throw this.#stopped === null ? error : stoppedError({ cause: error })
    }
  }

  /** Never rejects. */
  async #end(mode: StopMode): Promise<void> {
    const server = this.#server
    if (server.end !== null) return
    this.#guard.signal(STOP_SIGNALS[mode])
    if (mode !== 'smart' && !(await settlesWithin(server.ended, STOP_TIMEOUT_MS))) {
      if (mode === 'fast') return this.#end('immediate')
      this.#guard.signal('SIGKILL')
    }
    await server.ended
  }

  async #leave(ended: Promise<void>): Promise<void> {
    await ended
    this.#lastLog = await readLog(this.#plan)
    await this.#guard.leave()
  }
}

function stoppedError(options?: ErrorOptions): EmbeddedPostgresError {
  return new EmbeddedPostgresError('SERVER_STOPPED', 'the server is stopped', options)
}
