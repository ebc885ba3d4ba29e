import { sharedNow } from './measure.js'
import type { RequestCount } from './request-count.js'
import type { Turn, TurnsQuestion } from './turns.js'
import { WorkerProcess } from './worker.js'

/** The time before the measurement. After it the code is compiled, and the connections for waiting are open. */
const WARM_UP_MS = 1500
/**
 * After the measurement all processes continue for this time, so that the last waits have the same conditions as the others.
 */
const RUN_OUT_MS = 500

/** The results of all processes together. */
export interface Outcome {
  /** Milliseconds, of all waits that began during the measurement. */
  readonly waits: readonly number[]
  readonly grantsPerSecond: number
  /** The grants of each process, relative to its fair share: 1 is fair. */
  readonly shares: readonly number[]
  /** Requests to the server per grant. */
  readonly requestsPerGrant: number
}

/**
 * Processes that want one key all the time, with one caller in each. One contest can measure several ways to lock, one
 * after the other.
 */
export class Contest implements AsyncDisposable {
  readonly #workers: readonly WorkerProcess<TurnsQuestion, Turn[]>[]
  readonly #count: RequestCount
  readonly #openingCosts = new Map<string, number>()

  constructor(worker: string, args: readonly string[], processes: number, count: RequestCount) {
    this.#workers = Array.from({ length: processes }, () => new WorkerProcess(worker, args))
    this.#count = count
  }

  /** @param atOnce how many processes may have their turn at the same time */
  async run(contestant: string, seconds: number, atOnce = 1): Promise<Outcome> {
    const openingCost = this.#openingCosts.get(contestant) ?? (await this.#openingCost(contestant))
    this.#openingCosts.set(contestant, openingCost)

    const before = await this.#count.now()
    await this.#all({ step: 'open', contestant })
    const fromMs = sharedNow() + WARM_UP_MS
    const toMs = fromMs + seconds * 1000
    const turns = await this.#all({ step: 'take', untilMs: toMs + RUN_OUT_MS })
    await this.#all({ step: 'close' })
    const requests = (await this.#count.now()) - before - openingCost

    const all = turns.flat()
    if (mostAtOnce(all) > atOnce) throw new Error(`${contestant}: more than ${atOnce} had their turn at once`)
    const grants = turns.map(
      (of) => of.filter(({ grantedMs }) => grantedMs >= fromMs && grantedMs < toMs).length,
    )
    const granted = grants.reduce((sum, each) => sum + each)
    return {
      waits: all
        .filter(({ wantedMs }) => wantedMs >= fromMs && wantedMs < toMs)
        .map(({ wantedMs, grantedMs }) => grantedMs - wantedMs),
      grantsPerSecond: granted / seconds,
      shares: grants.map((each) => each / (granted / grants.length)),
      requestsPerGrant: requests / all.length,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()))
    await this.#count[Symbol.asyncDispose]()
  }

  /**
   * Counts the requests of opening and closing, which are not part of taking turns. Opens twice and counts the second
   * time, because the very first pool also creates the schema.
   */
  async #openingCost(contestant: string): Promise<number> {
    let before = 0
    for (let time = 0; time < 2; time++) {
      before = await this.#count.now()
      await this.#all({ step: 'open', contestant })
      await this.#all({ step: 'close' })
    }
    return (await this.#count.now()) - before
  }

  #all(question: TurnsQuestion): Promise<Turn[][]> {
    return Promise.all(this.#workers.map((worker) => worker.ask(question)))
  }
}

function mostAtOnce(turns: readonly Turn[]): number {
  const changes = turns.flatMap(({ grantedMs, releasedMs }) => [
    { atMs: grantedMs, by: 1 },
    { atMs: releasedMs, by: -1 },
  ])
  let now = 0
  let most = 0
  for (const { by } of changes.toSorted((a, b) => a.atMs - b.atMs || a.by - b.by)) {
    now += by
    most = Math.max(most, now)
  }
  return most
}
