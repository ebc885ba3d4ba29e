import { latencies, percentile } from '../../measure.js'
import type { Entrant, Release, Servers } from '../contender.js'
import type { Point } from './point.js'

const HELD = [1, 10, 100, 1000, 10_000]
const BURST = 200
const SECONDS = 1

export interface Holding {
  /** The connections that the server sees, by the number of held locks. */
  readonly connections: readonly Point[]
  /** Milliseconds to acquire and release one more lock, as median. */
  readonly oneMore: readonly Point[]
}

/** Holds more and more locks at once, as many as each entrant can. */
export async function measureHolding(
  entrants: readonly Entrant[],
  servers: Servers,
  say: (what: string) => void,
): Promise<Holding> {
  const connections: Point[] = []
  const oneMore: Point[] = []
  for (const entrant of entrants) {
    const contender = await entrant.open(servers)
    const held: Release[] = []
    for (const x of countsFor(entrant)) {
      while (held.length < x) {
        say(`${entrant.name}: ${held.length} held`)
        const burst = Array.from({ length: Math.min(BURST, x - held.length) }, (_, i) =>
          contender.lock(`held ${held.length + i}`),
        )
        held.push(...(await Promise.all(burst)))
      }
      connections.push({ entrant: entrant.name, x, y: await contender.connections() })
      const taken = await latencies(SECONDS, async () => {
        await (
          await contender.lock('one more')
        )()
      })
      oneMore.push({ entrant: entrant.name, x, y: percentile(taken, 0.5) })
    }
    await Promise.all(held.map((release) => release()))
    await contender.close()
  }
  return { connections, oneMore }
}

/** The numbers of locks to try, up to the most that the entrant can hold. */
function countsFor({ mostHeld }: Entrant): number[] {
  const within = HELD.filter((count) => count < mostHeld)
  return mostHeld === Infinity ? within : [...within, mostHeld]
}
