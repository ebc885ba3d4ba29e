import type { Entrant, Servers } from '../contender.js'
import { percentile } from '../../measure.js'
import { WorkerProcess } from '../../worker.js'
import type { PassQuestion, Turn } from '../../workers/pass.js'
import type { Point } from './point.js'

const PROCESSES = [2, 4, 8]
const SECONDS = 3

/**
 * One key that so many processes want all the time, for two milliseconds each: how many milliseconds they wait, 99 times of
 * 100. It tells whether they have it in turn: one that takes it again at once lets the others wait.
 */
export async function measurePassing(
  entrants: readonly Entrant[],
  servers: Servers,
  say: (what: string) => void,
): Promise<readonly Point[]> {
  const points: Point[] = []
  for (const entrant of entrants) {
    for (const x of PROCESSES) {
      say(`${entrant.name}: ${x} processes`)
      points.push({ entrant: entrant.name, x, y: await pass(entrant, x, servers) })
    }
  }
  return points
}

async function pass({ name }: Entrant, processes: number, servers: Servers): Promise<number> {
  const args = [name, servers.postgres, servers.redis ?? '']
  const workers = Array.from(
    { length: processes },
    () => new WorkerProcess<PassQuestion, Turn[]>('pass', args),
  )
  try {
    await Promise.all(workers.map((worker) => worker.ask({ seconds: 0.3 })))
    const turns = (await Promise.all(workers.map((worker) => worker.ask({ seconds: SECONDS })))).flat()
    const inOrder = turns.toSorted((a, b) => a.grantedMs - b.grantedMs)
    const overlaps = inOrder.slice(1).some(({ grantedMs }, i) => grantedMs < inOrder[i]!.releasedMs)
    if (overlaps) throw new Error(`${name}: two processes held the lock at once`)
    return percentile(
      turns.map(({ wantedMs, grantedMs }) => grantedMs - wantedMs),
      0.99,
    )
  } finally {
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))
  }
}
