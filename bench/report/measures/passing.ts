import { Contest } from '../../contest.js'
import { percentile } from '../../measure.js'
import { TransactionCount } from '../../request-count.js'
import type { Entrant, Servers } from '../contender.js'
import { RedisRequestCount } from '../redis-request-count.js'
import type { Point } from './point.js'

const PROCESSES = [1, 2, 4, 8, 16, 32]
const SECONDS = 4

export interface Passing {
  /** How many milliseconds a process waits, 99 times of 100. */
  readonly p99: readonly Point[]
  /** What the server is asked for each grant: transactions, or requests to Redis. */
  readonly requests: readonly Point[]
}

/**
 * One key that so many processes want all the time, for two milliseconds each. It tells whether they have it in turn: one
 * that takes it again at once lets the others wait. And what it costs the server: those who are woken for nothing ask it as well.
 */
export async function measurePassing(
  entrants: readonly Entrant[],
  servers: Servers,
  say: (what: string) => void,
): Promise<Passing> {
  const p99: Point[] = []
  const requests: Point[] = []
  for (const x of PROCESSES) {
    for (const entrant of entrants) {
      say(`${entrant.name}: ${x} processes`)
      const { waits, requestsPerGrant } = await pass(entrant, x, servers)
      p99.push({ entrant: entrant.name, x, y: percentile(waits, 0.99) })
      requests.push({ entrant: entrant.name, x, y: requestsPerGrant })
    }
  }
  return { p99, requests }
}

async function pass({ name, needsRedis }: Entrant, processes: number, { postgres, redis }: Servers) {
  const count = needsRedis ? await RedisRequestCount.at(redis!) : await TransactionCount.at(postgres)
  await using contest = new Contest('pass', [postgres, redis ?? ''], processes, count)
  return await contest.run(name, SECONDS)
}
