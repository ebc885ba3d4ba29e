import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { sharedNow, type Life, type Moment } from '../chaos/history.js'
import { readJournal } from '../chaos/journal.js'
import type { HaOrders } from './orders.js'

const EXIT_LIMIT_MS = 20_000

/** The messages of a worker, in addition to its journal. */
export interface Telling {
  readonly what: 'primary' | 'warning' | 'refused'
  readonly at: Moment
  readonly host?: string
  readonly timeline?: number | null
  readonly downMs?: number
  readonly message?: string
  readonly code?: string
}

/** One process that locks. */
export class HaWorker {
  readonly orders: HaOrders
  readonly told: Telling[] = []
  readonly #child: ChildProcess
  #endedAt: Moment | null = null
  #how: Life['how'] = 'exited'

  constructor(orders: HaOrders) {
    this.orders = orders
    this.#child = fork(new URL('worker.js', import.meta.url), [JSON.stringify(orders)])
    this.#child.on('message', (message) => this.told.push(message as Telling))
    this.#child.once('exit', (code) => {
      this.#endedAt = sharedNow()
      if (code !== 0 && this.#how === 'exited') this.#how = 'crashed'
    })
  }

  get life(): Life {
    const { process, journal } = this.orders
    return { process, events: readJournal(journal), endedAt: this.#endedAt, how: this.#how }
  }

  /** Asks the process to stop. It closes its pool, and must then end by itself. */
  async stop(): Promise<void> {
    if (this.#endedAt !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.send('stop')
    const enough = new AbortController()
    const patience = sleep(EXIT_LIMIT_MS, 'late', { signal: enough.signal }).catch(() => undefined)
    if ((await Promise.race([exit, patience])) === 'late') {
      this.#how = 'stuck'
      this.#child.kill('SIGKILL')
      await exit
    }
    enough.abort()
  }
}
