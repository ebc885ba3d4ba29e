import { setTimeout as sleep } from 'node:timers/promises'
import type { Sighting } from './history.js'
import type { WorkerProcess } from './worker-process.js'

const LOOK_EVERY_MS = 100

/** A statement that takes longer counts as lost: the server may be frozen or gone. */
export const STATEMENT_TIMEOUT_MS = 1000

/** A server session of a worker. */
export interface SeenSession {
  /** The server's id of the session. */
  readonly pid: number
  /** Whether it belongs to the protected row, and not to the pool. */
  readonly isData: boolean
  readonly listens: boolean
  readonly idles: boolean
  readonly isOf: (worker: WorkerProcess) => boolean
}

/** Reads the locks and sessions of one kind of server. Every call may fail, because the server may be gone. */
export interface Looks {
  look(): Promise<Sighting>
  sessions(): Promise<readonly SeenSession[]>
  terminate(pids: readonly number[]): Promise<void>
  /** Everything that workers have left on the server. `own` is the application name of the process that cleans up. */
  leftovers(own: string): Promise<readonly string[]>
  close(): Promise<void>
}

/** Observes the server, without the network that the strikes disturb. */
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

  /** Returns an empty list if the server can't be asked. */
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
        // A failed observation proves nothing.
      }
      await sleep(LOOK_EVERY_MS)
    }
  }
}
