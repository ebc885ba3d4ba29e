import { Contest } from '../../contest.js'
import { percentile } from '../../measure.js'
import { TransactionCount } from '../../request-count.js'
import type { Entrant, Servers } from '../contender.js'
import { RedisRequestCount } from '../redis-request-count.js'
import type { Point } from './point.js'

const PROCESSES = [1, 2, 4, 8, 16, 32]
const SECONDS = 4

export interface Passing {
  /** The 99th percentile of the wait, in milliseconds. */
  readonly p99: readonly Point[]
  /** Requests to the server per grant: transactions, or requests to Redis. */
  readonly requests: readonly Point[]
}

/**
 * Measures one key that all processes want all the time, for two milliseconds each. The waits show whether processes
 * have it in turn: a process that gets it again at once makes the others wait. The requests show the cost to the
 * server, including those of waiters that are woken and find the key taken.
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
