import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readAsks } from '../chaos/check/asks.js'
import { sharedNow, type Life, type Moment } from '../chaos/history.js'
import { CYCLE_KEY, LONG_KEY } from './orders.js'
import { HaWorker, type Telling } from './worker-process.js'

/** How long pools may take to start, and to work again after a fault. */
const LIMIT_MS = 60_000

const LOOK_EVERY_MS = 500

/** The properties that all processes of a crew share. */
export interface CrewOrders {
  readonly url: string
  readonly leaseMs: number
  readonly isStrict: boolean
  /** The folder of the journals. */
  readonly folder: string
}

/**
 * Processes that contend for the same locks. Two crews on one cluster do not contend with each other, because each has
 * its own namespace.
 */
export class Crew {
  readonly isStrict: boolean
  readonly workers: HaWorker[] = []
  readonly #orders: CrewOrders

  constructor(orders: CrewOrders) {
    this.isStrict = orders.isStrict
    this.#orders = orders
  }

  /** Starts one more process under this name. */
  start(name: string): void {
    const { url, leaseMs, isStrict, folder } = this.#orders
    const process = isStrict ? `strict ${name}` : name
    const journal = join(folder, `${process}.jsonl`)
    this.workers.push(new HaWorker({ process, url, journal, leaseMs, isStrict }))
  }

  get lives(): readonly Life[] {
    return this.workers.map(({ life }) => life)
  }

  /** The messages of its pools, with their process. */
  get told(): readonly { readonly process: string; readonly telling: Telling }[] {
    return this.workers.flatMap(({ orders, told }) =>
      told.map((telling) => ({ process: orders.process, telling })),
    )
  }

  /** Resolves when the one lock is held, and the other goes from process to process. */
  async warm(): Promise<void> {
    for (const until = sharedNow() + LIMIT_MS; sharedNow() < until;) {
      await sleep(LOOK_EVERY_MS)
      const asks = readAsks(this.lives).filter(({ code }) => code === 'GRANTED')
      const cycles = asks.filter(({ key }) => key === CYCLE_KEY)
      const all = this.workers.every(({ orders }) => cycles.some(({ process }) => process === orders.process))
      if (all && cycles.length > 50 && asks.some(({ key }) => key === LONG_KEY)) return
    }
    throw new Error(`the workers get no grants of "${CYCLE_KEY}"`)
  }

  /**
   * Whether each process has got a lock since the strike. Strict pools wait for a lease after a failover, so this may
   * take a while.
   */
  async grantedAgain(struckAt: Moment): Promise<boolean> {
    for (const until = sharedNow() + LIMIT_MS; sharedNow() < until;) {
      const asks = readAsks(this.lives)
      // The last answers of the old primary may arrive shortly after the strike.
      const since = Math.max(
        struckAt,
        ...asks.filter(({ isLost }) => isLost).map(({ endedAt }) => endedAt ?? 0),
      )
      const isServed = (process: string): boolean =>
        asks.some((ask) => ask.process === process && ask.code === 'GRANTED' && ask.settledAt! > since)
      if (this.workers.every(({ orders }) => isServed(orders.process))) return true
      await sleep(LOOK_EVERY_MS)
    }
    return false
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()))
  }
}
