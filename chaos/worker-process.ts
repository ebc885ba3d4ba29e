import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endWithParent } from '../test/support/end-with-parent.js'
import { sharedNow, type Life, type Moment } from './history.js'
import { readJournal } from './journal.js'
import type { Orders } from './orders.js'
import { Proxy } from './proxy.js'

/** Longer than the grace period of a close, plus the time that a lost connection can still cost. */
const EXIT_TIMEOUT_MS = 20_000

/** Which program a process runs, and the front that it locks through, if it does. */
export interface Program {
  readonly file: 'worker.js' | 'front-client.js'
  readonly behind?: string
}

/** One instance of the service: a process with its own network, which is started again after a kill. */
export class WorkerProcess {
  readonly name: string
  readonly proxy: Proxy
  readonly #orders: (life: number, url: string) => Orders
  readonly #url: string
  readonly #program: Program
  readonly #lives: { orders: Orders; endedAt: Moment | null; how: Life['how'] }[] = []
  #child: ChildProcess | null = null
  #ready: Promise<unknown> = Promise.resolve()
  /** Whether the process is paused. It must be resumed before it can do anything else. */
  isPaused = false

  private constructor(
    name: string,
    proxy: Proxy,
    url: string,
    orders: (life: number, url: string) => Orders,
    program: Program,
  ) {
    this.name = name
    this.proxy = proxy
    this.#orders = orders
    this.#program = program
    const byProxy = new URL(url)
    byProxy.port = String(proxy.port)
    this.#url = byProxy.href
  }

  static async at(
    url: string,
    name: string,
    orders: (life: number, url: string) => Orders,
    program: Program = { file: 'worker.js' },
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess(name, await Proxy.to(Number(new URL(url).port)), url, orders, program)
    worker.start()
    return worker
  }

  /** `w2.3` is the third life of the second worker. */
  get process(): string {
    return `${this.name}.${this.#lives.length}`
  }

  start(): void {
    const orders = this.#orders(this.#lives.length + 1, this.#url)
    const life = { orders, endedAt: null as Moment | null, how: 'exited' as Life['how'] }
    this.#lives.push(life)
    const child = fork(new URL(this.#program.file, import.meta.url), [JSON.stringify(orders)])
    // It stops by itself when its channel ends, but not while it is paused.
    endWithParent(child)
    child.once('exit', (code) => {
      life.endedAt = sharedNow()
      if (code !== 0 && life.how === 'exited') life.how = 'crashed'
    })
    this.#ready = Promise.race([once(child, 'message'), once(child, 'exit')])
    this.#child = child
  }

  /** Resolves when the process has a lock session, or has failed to get one, or has ended. */
  async untilReady(): Promise<void> {
    await this.#ready
  }

  /** Kills the process without warning. Resolves when it is dead. */
  async kill(how: Life['how'] = 'killed'): Promise<void> {
    const child = this.#child!
    this.#lives.at(-1)!.how = how
    const exit = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill('SIGKILL')
    await exit
  }

  pause(): void {
    this.isPaused = true
    this.#child!.kill('SIGSTOP')
  }

  resume(): void {
    this.isPaused = false
    this.#child!.kill('SIGCONT')
  }

  /** Changes the time of day that the process sees. */
  stepClock(stepMs: number): void {
    if (this.#child!.connected) this.#child!.send(stepMs)
  }

  /** Asks the process to stop. It closes its pool, and must then end by itself. */
  async stop(): Promise<void> {
    const child = this.#child!
    if (child.exitCode !== null || child.signalCode !== null) return
    const enough = new AbortController()
    const exit = once(child, 'exit')
    child.send('stop')
    const patience = sleep(EXIT_TIMEOUT_MS, 'late', { signal: enough.signal }).catch(() => undefined)
    if ((await Promise.race([exit, patience])) === 'late') await this.kill('stuck')
    enough.abort()
  }

  lives(): Life[] {
    return this.#lives.map(({ orders, endedAt, how }) => ({
      process: orders.process,
      ...(this.#program.behind === undefined ? {} : { behind: this.#program.behind }),
      events: readJournal(orders.journal),
      endedAt,
      how,
    }))
  }
}

/** The path of a worker's journal. */
export function journalPath(folder: string, process: string): string {
  return join(folder, `${process}.jsonl`)
}
