import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { InvariantError } from '../../base/assert.js'
import { Deferred } from '../../base/deferred.js'
import type { WorkerCommand, WorkerMessage, WorkerOrders, WorkerReport } from './messages.js'

export const NOTHING_DONE: WorkerReport = {
  transfers: 0,
  acquired: 0,
  handedOff: 0,
  lost: 0,
  refused: 0,
  held: 0,
  waiting: 0,
  waits: [],
}

/** One worker process, from the side of its supervisor. */
export class CrewMember {
  readonly orders: WorkerOrders
  readonly #process: ChildProcess
  readonly #ready = new Deferred<void>()
  readonly #exited: Promise<unknown>
  #stopped = new Deferred<void>()
  /** Whether the supervisor has killed it: then its end is no failure. */
  #isKilled = false
  #failure: Error | null = null
  report: WorkerReport = NOTHING_DONE

  constructor(orders: WorkerOrders) {
    this.orders = orders
    this.#process = fork(new URL('worker.js', import.meta.url))
    this.#process.send(orders)
    this.#process.on('message', (message) => this.#hear(message as WorkerMessage))
    this.#exited = once(this.#process, 'exit')
    void this.#exited.then(() =>
      this.#fail(new InvariantError(`worker ${this.#process.pid} ended too early`)),
    )
    // A caller that awaits it gets the error. Without such a caller it must not be an unhandled rejection.
    this.#ready.promise.catch(() => undefined)
    this.#stopped.promise.catch(() => undefined)
  }

  get pid(): number {
    return this.#process.pid!
  }

  get isKilled(): boolean {
    return this.#isKilled
  }

  /** Why it has given up, or null. */
  get failure(): Error | null {
    return this.#failure
  }

  /** Resolves when the worker is ready. Rejects if it fails before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Starts the work. The promise rejects if the worker fails in the middle of it, but not if it is killed. */
  start(withLocks: boolean): void {
    this.#stopped = new Deferred()
    this.#stopped.promise.catch(() => undefined)
    this.report = NOTHING_DONE
    this.#send({ do: 'start', withLocks })
  }

  async stop(): Promise<void> {
    if (this.#isKilled) return
    this.#send({ do: 'stop' })
    await this.#stopped.promise
  }

  /** Stops it in the middle of its work, so that the server's view of it does not change until it is killed. */
  freeze(): void {
    // Windows has no such signal.
    if (process.platform !== 'win32') this.#process.kill('SIGSTOP')
  }

  /** Like a power failure: the worker cannot send anything any more. */
  async kill(): Promise<void> {
    this.#isKilled = true
    this.#process.kill('SIGKILL')
    await this.#exited
    this.report = { ...this.report, held: 0, waiting: 0 }
  }

  async leave(): Promise<void> {
    this.#isKilled = true
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#send({ do: 'leave' })
    await this.#exited
  }

  #send(command: WorkerCommand): void {
    if (this.#process.connected) this.#process.send(command)
  }

  #hear(message: WorkerMessage): void {
    // A killed worker holds nothing any more, even if its last report arrives later.
    if ('report' in message)
      this.report = this.#isKilled ? { ...message.report, held: 0, waiting: 0 } : message.report
    if (message.is === 'ready') this.#ready.resolve()
    else if (message.is === 'stopped') this.#stopped.resolve()
    else if (message.is === 'failed') this.#fail(failureOf(message))
  }

  #fail(error: Error): void {
    if (!this.#isKilled) this.#failure ??= error
    this.#ready.reject(error)
    this.#stopped.reject(error)
  }
}

/** An error without a code is unexpected. */
function failureOf({ code, message }: Extract<WorkerMessage, { readonly is: 'failed' }>): Error {
  return code === null ? new InvariantError(message) : Object.assign(new Error(message), { code })
}
