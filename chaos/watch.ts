import { setTimeout as sleep } from 'node:timers/promises'
import type { Sighting } from './history.js'
import type { WorkerProcess } from './worker-process.js'

const LOOK_EVERY_MS = 100

/** After this a statement counts as lost: the server may be frozen, or away. */
export const STATEMENT_TIMEOUT_MS = 1000

/** A server session of a worker. */
export interface SeenSession {
  /** As the server numbers them. */
  readonly pid: number
  /** Of the row that locks guard, and not of the pool. */
  readonly isData: boolean
  readonly listens: boolean
  readonly idles: boolean
  readonly isOf: (worker: WorkerProcess) => boolean
}

/** What one kind of server says of the locks and the sessions in it. Every look may fail: the server may be gone. */
export interface Looks {
  look(): Promise<Sighting>
  sessions(): Promise<readonly SeenSession[]>
  terminate(pids: readonly number[]): Promise<void>
  /** Whatever a worker has left in the server. `own` is the name of the application that cleans up. */
  leftovers(own: string): Promise<readonly string[]>
  close(): Promise<void>
}

/** Looks at the server past the network that chaos plays with. */
export class Watch {
  readonly sightings: Sighting[] = []
  readonly #looks: Looks
  #isStopping = false
  #watching: Promise<void> | null = null

  constructor(looks: Looks) {
    this.#looks = looks
  }

  begin(): void {
    this.#watching = this.#watch()
  }

  async end(): Promise<void> {
    this.#isStopping = true
    await this.#watching
    await this.#looks.close()
  }

  /** Empty if it can't be told. */
  async sessions(): Promise<readonly SeenSession[]> {
    return this.#looks.sessions().catch(() => [])
  }

  async terminate(pids: readonly number[]): Promise<void> {
    await this.#looks.terminate(pids).catch(() => undefined)
  }

  leftovers(own: string): Promise<readonly string[]> {
    return this.#looks.leftovers(own)
  }

  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      try {
        this.sightings.push(await this.#looks.look())
      } catch {
        // What was not seen says nothing.
      }
      await sleep(LOOK_EVERY_MS)
    }
  }
}
