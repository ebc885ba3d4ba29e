import { sleep, type Clock } from '../../base/clock.js'
import { LockLostError, type LockTimeoutError } from '../../base/errors.js'
import type { Lock } from '../../lock/lock.js'
import type { LockPool } from '../../postgres-lock-pool.js'
import type { ExitStatus } from '../command.js'
import { durationText } from '../durations.js'
import { EXIT } from '../exit-codes.js'
import { hasControllingTerminal } from '../terminal.js'
import { Child, type ChildEnd } from './child.js'
import { childEnvironment } from './child-environment.js'
import { failure } from './failure.js'
import { openPool } from './open-pool.js'
import type { Report } from './reporter.js'
import type { RunOrder } from './run-order.js'
import { SignalDesk, exitCodeOfSignal } from './signals.js'

/** How long the server may take to confirm a release. Then the connection is closed, which frees the lock as well. */
const RELEASE_LIMIT_MS = 3000

/**
 * Signals with which, on a terminal, we end as the command did, so that a shell script stops at Ctrl-C as it would without
 * us in between. Any other would only add a core dump of ours.
 */
const RAISED_AGAIN: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP'])

/** A signal came before the lock did. */
class Interruption extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(signal)
    this.signal = signal
  }
}

/** One run: waits for the lock, and only then starts the command; watches both; and ends the command if the lock is lost. */
export class RunUnderLock {
  readonly #order: RunOrder
  readonly #report: Report
  readonly #clock: Clock
  readonly #isInteractive: boolean
  readonly #signals = new SignalDesk()
  readonly #giveUp = new AbortController()
  /** Aborts with an error that nobody caught: from then on nobody can vouch for the lock. */
  readonly #crash = new AbortController()

  constructor(order: RunOrder, report: Report, clock: Clock, isInteractive: boolean) {
    this.#order = order
    this.#report = report
    this.#clock = clock
    this.#isInteractive = isInteractive
    this.#signals.handler = (signal) => this.#giveUp.abort(new Interruption(signal))
    process.on('uncaughtException', (error) => {
      this.#failed(error)
      this.#crash.abort(error)
      this.#giveUp.abort(error)
    })
  }

  async go(): Promise<ExitStatus> {
    let pool: LockPool | null = null
    try {
      pool = await openPool(this.#order, this.#report)
      const lock = await this.#acquire(pool)
      return lock === null ? this.#busy('somebody else holds it') : await this.#withLock(lock)
    } catch (error) {
      if (error instanceof Interruption) return this.#interrupted(error.signal)
      if (error === this.#crash.signal.reason) return EXIT.internal
      return this.#failed(error)
    } finally {
      await pool?.close({ graceMs: 0 })
    }
  }

  async #acquire(pool: LockPool): Promise<Lock | null> {
    const { key, mode, waitMs } = this.#order
    const { signal } = this.#giveUp
    const since = this.#clock.now()
    const lock =
      waitMs === 0 ? await pool.tryAcquire(key, { mode, signal }) : await pool.acquire(key, { mode, signal })
    if (lock !== null) {
      const waitedMs = Math.round(this.#clock.now() - since)
      this.#report('acquired', { mode, token: lock.tokenText, waitedMs })
    }
    return lock
  }

  async #withLock(lock: Lock): Promise<ExitStatus> {
    try {
      // A signal may have come together with the lock.
      this.#giveUp.signal.throwIfAborted()
      const { command, name } = this.#order
      const env = childEnvironment(name, lock)
      const child = await Child.start(command, env, hasControllingTerminal(), this.#clock)
      this.#report('started', { pid: child.pid, command: command[0]! })
      return await this.#watch(child, lock)
    } finally {
      if (lock.state !== 'lost') await this.#release(lock)
    }
  }

  async #watch(child: Child, lock: Lock): Promise<ExitStatus> {
    this.#signals.handler = (signal) => this.#report('signal', { signal, passedOn: child.passOn(signal) })
    this.#tellOfEnd(child)
    const finished = child.finished(this.#order.killAfterMs)
    await Promise.race([finished, aborted(lock.signal), aborted(this.#crash.signal)])
    if (lock.state === 'lost') return this.#endChild(child, lock.signal.reason as LockLostError)
    if (this.#crash.signal.aborted) return this.#endChild(child, null)
    // Nobody is left to pass signals on to, and releasing does not take long.
    this.#signals.handler = () => undefined
    const { end, left } = await finished
    if (left.length > 0) this.#report('left', { pids: left, reason: 'after the command was told to end' })
    return 'exitCode' in end ? end.exitCode : this.#statusOf(end.signal)
  }

  /** Acts first and tells then: standard error may be slow. */
  async #endChild(child: Child, loss: LockLostError | null): Promise<ExitStatus> {
    const afterMs = this.#order.killAfterMs
    const ending = child.family.end(afterMs, () => this.#report('killing', { afterMs }))
    if (loss !== null) this.#report('lost', { heldMs: Math.round(loss.heldMs), reason: loss.reason })
    const left = await ending
    if (left.length > 0) this.#report('left', { pids: left, reason: 'and can not be ended' })
    if (!left.includes(child.pid)) await child.ended
    return loss === null ? EXIT.internal : EXIT.lost
  }

  #tellOfEnd(child: Child): void {
    const since = this.#clock.now()
    void child.ended.then((end: ChildEnd) => {
      const ranMs = Math.round(this.#clock.now() - since)
      this.#report('ended', { exitCode: null, signal: null, ...end, ranMs })
    })
  }

  /** Whatever happens here, the command has ended, and how it ended is what counts. */
  async #release(lock: Lock): Promise<void> {
    const limit = sleep(this.#clock, RELEASE_LIMIT_MS).then(() => {
      throw new Error(`the server did not confirm it within ${durationText(RELEASE_LIMIT_MS)}`)
    })
    try {
      await Promise.race([lock.release(), limit])
      this.#report('released', { heldMs: Math.round(lock.heldMs) })
    } catch (error) {
      this.#report('unreleased', {
        reason: error instanceof LockLostError ? error.reason : (error as Error).message,
      })
    }
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
      const who = (error as Partial<LockTimeoutError>).holder ?? 'somebody else'
      return this.#busy(`${who} holds it, gave up after ${durationText(this.#order.waitMs)}`)
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
