import { sleep, type Clock } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { LockLostError, type LockTimeoutError } from '../../base/errors.js'
import type { RunPool } from './run-pool.js'
import type { ExitStatus } from '../command.js'
import { durationText } from '../durations.js'
import { EXIT } from '../exit-codes.js'
import { hasControllingTerminal, type Terminal } from '../terminal.js'
import { Child, type ChildEnd } from './child.js'
import { childEnvironment } from './child-environment.js'
import { failure } from './failure.js'
import { acquireFor, type Held } from './held.js'
import { holdersOf } from './holders.js'
import { openPool } from './open-pool.js'
import type { Report } from './reporter.js'
import type { RunOrder } from './run-order.js'
import { SignalDesk, exitCodeOfSignal } from './signals.js'

/** How long the server may take to confirm a release. After that the connection is closed, which frees the lock too. */
const RELEASE_LIMIT_MS = 3000

/**
 * On a terminal this process ends itself by one of these signals if the command did, so that Ctrl-C stops a shell script as
 * it would without lockpool. Any other signal would only add a core dump.
 */
const RAISED_AGAIN: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP'])

/** A signal ended the wait for the lock. */
class Interruption extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(signal)
    this.signal = signal
  }
}

/** One run: waits for the lock, then starts the command, watches both, and ends the command if the lock is lost. */
export class RunUnderLock {
  readonly #order: RunOrder
  readonly #report: Report
  readonly #clock: Clock
  readonly #isInteractive: boolean
  /** Whether messages name the holder: that takes a connection and a query, so only if messages are shown. */
  readonly #namesHolders: boolean
  readonly #signals = new SignalDesk()
  readonly #giveUp = new AbortController()
  /** Aborts with an uncaught error: after that, the state of the lock is unknown. */
  readonly #crash = new AbortController()

  constructor(
    order: RunOrder,
    report: Report,
    clock: Clock,
    terminal: Pick<Terminal, 'isInteractive' | 'err'>,
  ) {
    this.#order = order
    this.#report = report
    this.#clock = clock
    this.#isInteractive = terminal.isInteractive
    this.#namesHolders = order.isJson || order.isVerbose || terminal.err.isTerminal
    this.#signals.handler = (signal) => this.#giveUp.abort(new Interruption(signal))
    process.on('uncaughtException', (error) => {
      this.#failed(error)
      this.#crash.abort(error)
      this.#giveUp.abort(error)
    })
  }

  async go(): Promise<ExitStatus> {
    let pool: RunPool | null = null
    try {
      pool = await openPool(this.#order, this.#report, this.#namesHolders)
      const held = await this.#acquire(pool)
      return held === null ? this.#busy(await this.#holder(pool)) : await this.#withLock(held)
    } catch (error) {
      if (error instanceof Interruption) return this.#interrupted(error.signal)
      if (error === this.#crash.signal.reason) return EXIT.internal
      return this.#failed(error)
    } finally {
      await pool?.close({ graceMs: 0 })
    }
  }

  async #acquire(pool: RunPool): Promise<Held | null> {
    const since = this.#clock.now()
    const held = await acquireFor(this.#order, pool, this.#giveUp.signal)
    if (held === null) return null
    const waitedMs = Math.round(this.#clock.now() - since)
    const permit = held.permit === null ? {} : { permit: held.permit }
    this.#report('acquired', { mode: this.#order.mode, token: held.tokenText, waitedMs, ...permit })
    return held
  }

  async #withLock(held: Held): Promise<ExitStatus> {
    try {
      // A signal may have arrived together with the lock.
      this.#giveUp.signal.throwIfAborted()
      const { command, names, mode } = this.#order
      const env = childEnvironment(names, mode, held)
      const child = await Child.start(command, env, hasControllingTerminal(), this.#clock)
      this.#report('started', { pid: child.pid, command: command[0]! })
      return await this.#watch(child, held)
    } finally {
      if (held.state !== 'lost') await this.#release(held)
    }
  }

  async #watch(child: Child, held: Held): Promise<ExitStatus> {
    this.#signals.handler = (signal) => this.#report('signal', { signal, passedOn: child.passOn(signal) })
    this.#reportEnd(child)
    const { killAfterMs, timeoutMs } = this.#order
    const finished = child.finished(killAfterMs)
    let isTimeUp = false
    const timeUp = new Deferred<void>()
    const cancel = this.#clock.after(timeoutMs, () => {
      isTimeUp = true
      timeUp.resolve()
    })
    await Promise.race([finished, aborted(held.signal), aborted(this.#crash.signal), timeUp.promise])
    cancel()
    if (held.state === 'lost') return this.#endLost(child, held.signal.reason as LockLostError)
    if (this.#crash.signal.aborted) return this.#endChild(child, EXIT.internal)
    if (isTimeUp) return this.#endLate(child, timeoutMs)
    // There is no process left to pass signals on to, and releasing does not take long.
    this.#signals.handler = () => undefined
    const { end, left } = await finished
    if (left.length > 0)
      this.#report('left', { pids: left, reason: 'after the signal that should have ended it' })
    return 'exitCode' in end ? end.exitCode : this.#statusOf(end.signal)
  }

  /** Ends the command first and reports afterward, because standard error may be slow. */
  #endLost(child: Child, { heldMs, reason }: LockLostError): Promise<ExitStatus> {
    const ended = this.#endChild(child, EXIT.lost)
    this.#report('lost', { heldMs: Math.round(heldMs), reason })
    return ended
  }

  #endLate(child: Child, afterMs: number): Promise<ExitStatus> {
    const ended = this.#endChild(child, EXIT.timedOut)
    this.#report('timeout', { afterMs, exitCode: EXIT.timedOut })
    return ended
  }

  async #endChild(child: Child, exitCode: number): Promise<ExitStatus> {
    const afterMs = this.#order.killAfterMs
    const left = await child.processes.end(afterMs, () => this.#report('killing', { afterMs }))
    if (left.length > 0) this.#report('left', { pids: left, reason: 'and cannot be ended' })
    if (!left.includes(child.pid)) await child.ended
    return exitCode
  }

  #reportEnd(child: Child): void {
    const since = this.#clock.now()
    void child.ended.then((end: ChildEnd) => {
      const ranMs = Math.round(this.#clock.now() - since)
      this.#report('ended', { exitCode: null, signal: null, ...end, ranMs })
    })
  }

  /** A failure here does not change the exit code, which depends on how the command ended. */
  async #release(held: Held): Promise<void> {
    const limit = sleep(this.#clock, RELEASE_LIMIT_MS).then(() => {
      throw new Error(`the server did not confirm it within ${durationText(RELEASE_LIMIT_MS)}`)
    })
    try {
      await Promise.race([held.release(), limit])
      this.#report('released', { heldMs: Math.round(held.heldMs) })
    } catch (error) {
      this.#report('unreleased', {
        reason: error instanceof LockLostError ? error.reason : (error as Error).message,
      })
    }
  }

  async #holder(pool: RunPool): Promise<string> {
    const holders = this.#namesHolders ? await holdersOf(this.#order, pool) : []
    return `${holders.length === 0 ? 'another process' : holders.join(', and ')} holds it`
  }

  #busy(reason: string): number {
    const exitCode = this.#order.busyExitCode
    this.#report('busy', { reason, exitCode })
    return exitCode
  }

  #interrupted(signal: NodeJS.Signals): ExitStatus {
    this.#report('interrupted', { signal, exitCode: exitCodeOfSignal(signal) })
    return this.#statusOf(signal)
  }

  #statusOf(signal: NodeJS.Signals): ExitStatus {
    return this.#isInteractive && RAISED_AGAIN.has(signal) ? signal : exitCodeOfSignal(signal)
  }

  #failed(error: unknown): number {
    const { code, message, exitCode } = failure(error, this.#order)
    if (exitCode === EXIT.busy) {
      const who = (error as Partial<LockTimeoutError>).holder ?? 'another process'
      return this.#busy(`${who} holds it; gave up after ${durationText(this.#order.waitMs)}`)
    }
    this.#report('failed', { code, message, exitCode })
    return exitCode
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
