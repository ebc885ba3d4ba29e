import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sharedNow, type Life, type Moment } from './history.js'
import { readJournal } from './journal.js'
import type { Orders } from './orders.js'
import { Proxy } from './proxy.js'

/** More than its grace to close, and what a lost connection can still cost it. */
const EXIT_TIMEOUT_MS = 20_000

/** One place in the service: a process with a network of its own, started again when it was killed. */
export class WorkerProcess {
  readonly name: string
  readonly proxy: Proxy
  readonly #orders: (life: number, url: string) => Orders
  readonly #url: string
  readonly #lives: { orders: Orders; endedAt: Moment | null; how: Life['how'] }[] = []
  #child: ChildProcess | null = null
  #ready: Promise<unknown> = Promise.resolve()
  /** A pause is in force: to be lifted before anything else can be asked of it. */
  isPaused = false

  private constructor(
    name: string,
    proxy: Proxy,
    url: string,
    orders: (life: number, url: string) => Orders,
  ) {
    this.name = name
    this.proxy = proxy
    this.#orders = orders
    const byProxy = new URL(url)
    byProxy.port = String(proxy.port)
    this.#url = byProxy.href
  }

  static async at(
    url: string,
    name: string,
    orders: (life: number, url: string) => Orders,
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess(name, await Proxy.to(Number(new URL(url).port)), url, orders)
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
    const child = fork(new URL('worker.js', import.meta.url), [JSON.stringify(orders)])
    child.once('exit', (code) => {
      life.endedAt = sharedNow()
      if (code !== 0 && life.how === 'exited') life.how = 'crashed'
    })
    this.#ready = Promise.race([once(child, 'message'), once(child, 'exit')])
    this.#child = child
  }

  /** It has a lock session, or has given up to get one, or ended. */
  async untilReady(): Promise<void> {
    await this.#ready
  }

  /** Without a word to anybody. Resolves when it is dead. */
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

  /** Sets the time of day, as that process sees it. */
  stepClock(stepMs: number): void {
    if (this.#child!.connected) this.#child!.send(stepMs)
  }

  /** Tells it that it is over. It closes its pool, and must then end by itself. */
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
      events: readJournal(orders.journal),
      endedAt,
      how,
    }))
  }
}

/** Where the lives of all workers are written. */
export function journalPath(folder: string, process: string): string {
  return join(folder, `${process}.jsonl`)
}
