import { latencies, percentile } from '../../measure.js'
import type { Entrant, Release, Servers } from '../contender.js'
import type { Point } from './point.js'

const HELD = [1, 10, 100, 1000, 10_000]
const BURST = 200
const SECONDS = 1

export interface Holding {
  /** Connections that the server sees while so many locks are held. */
  readonly connections: readonly Point[]
  /** Milliseconds to take and give back one more, half of the time. */
  readonly oneMore: readonly Point[]
}

/** More and more locks, held at once, as far as each entrant can. */
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

/** Up to what it can hold, and that. */
function countsFor({ mostHeld }: Entrant): number[] {
  const within = HELD.filter((count) => count < mostHeld)
  return mostHeld === Infinity ? within : [...within, mostHeld]
}
