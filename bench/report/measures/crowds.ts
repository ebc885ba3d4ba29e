import { percentile, rate } from '../../measure.js'
import { MOST_CONNECTIONS, type Contender, type Entrant, type Servers } from '../contender.js'
import type { Point } from './point.js'

const CALLERS = [1, 10, 100, 1000]
const SECONDS = 1
const ROUNDS = 3

export interface Crowds {
  /** Locks acquired and released per second. */
  readonly throughput: readonly Point[]
  /** Milliseconds to get a free lock. */
  readonly p50: readonly Point[]
  readonly p99: readonly Point[]
}

/** Measures callers that each have their own key. All entrants run in turn in each round. */
export async function measureCrowds(
  entrants: readonly Entrant[],
  servers: Servers,
  say: (what: string) => void,
): Promise<Crowds> {
  const rates = new Map<string, number[]>()
  const waits = new Map<string, number[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const entrant of entrants) {
      const contender = await entrant.open(servers)
      await (
        await contender.lock('warm-up')
      )()
      for (const callers of CALLERS) {
        if (callers > MOST_CONNECTIONS && entrant.mostHeld === MOST_CONNECTIONS) continue
        say(`round ${round + 1} of ${ROUNDS}: ${entrant.name}, ${callers} callers`)
        const id = `${entrant.name}|${callers}`
        const taken: number[] = []
        push(rates, id, [await crowd(contender, callers, taken)])
        push(waits, id, taken)
      }
      await contender.close()
    }
  }
  const points = (of: Map<string, number[]>, part: number): Point[] =>
    [...of].map(([id, samples]) => {
      const [entrant, callers] = id.split('|') as [string, string]
      return { entrant, x: Number(callers), y: percentile(samples, part) }
    })
  return { throughput: points(rates, 0.5), p50: points(waits, 0.5), p99: points(waits, 0.99) }
}

/** Times only a tenth of the waits: reading the clock each time would cost too much of what is measured. */
function crowd(contender: Contender, callers: number, taken: number[]): Promise<number> {
  return rate(callers, SECONDS, async (goesOn, index) => {
    for (let cycle = index; goesOn(); cycle++) {
      const from = cycle % 10 === 0 ? performance.now() : null
      const release = await contender.lock(`crowd ${index}`)
      if (from !== null) taken.push(performance.now() - from)
      await release()
    }
  })
}

function push(map: Map<string, number[]>, id: string, samples: readonly number[]): void {
  const known = map.get(id) ?? []
  map.set(id, known)
  for (const sample of samples) known.push(sample)
}
