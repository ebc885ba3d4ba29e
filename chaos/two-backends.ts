import { setTimeout as sleep } from 'node:timers/promises'
import { LockPool } from '../src/index.js'
import { SeededRandom } from '../src/testing/seeded-random.js'
import type { StartServer } from './standby.js'
import { withClient } from './with-client.js'

/** Each round has a new namespace. Now and then it has a new database, without any objects of lockpool. */
const NEW_DATABASE_EVERY = 20

/** How much earlier one pool starts than the other, at most. */
const LONGEST_LEAD_MS = 4

type Backend = 'advisory' | 'table'

interface Attempt {
  readonly backend: Backend
  readonly code: string | null
}

/** Two pools of different backends start at the same moment in one namespace: one is refused, and the other works. */
export async function twoBackends(
  start: StartServer,
  rounds: number,
  say: (line: string) => void,
): Promise<number> {
  const server = await start({})
  const random = new SeededRandom(rounds)
  const won = { advisory: 0, table: 0 }
  let findings = 0
  let url = server.url
  for (let round = 1; round <= rounds; round++) {
    if (round % NEW_DATABASE_EVERY === 1) url = await newDatabase(server.url, round)
    const order: readonly Backend[] = random.chance(0.5) ? ['advisory', 'table'] : ['table', 'advisory']
    const leadMs = random.below(LONGEST_LEAD_MS + 1)
    const attempts = await Promise.all(
      order.map((backend, i) => attempt(url, `round ${round}`, backend, i * leadMs)),
    )
    const winners = attempts.filter(({ code }) => code === null)
    const isRight = winners.length === 1 && attempts.some(({ code }) => code === 'BACKEND_MISMATCH')
    for (const { backend } of winners) won[backend]++
    if (isRight) continue
    findings++
    say(`round ${round}: ${attempts.map(({ backend, code }) => `${backend} ${code ?? 'works'}`).join(', ')}`)
  }
  say(`advisory was first ${won.advisory} times, table ${won.table} times`)
  await server.stop('immediate')
  return findings
}

/** Holds a lock for a moment: that shows which pool works. */
async function attempt(url: string, namespace: string, backend: Backend, leadMs: number): Promise<Attempt> {
  await sleep(leadMs)
  const locks = new LockPool({ connection: url, namespace, backend, max: 2 })
  try {
    const lock = await locks.acquire('orders')
    await lock.release()
    return { backend, code: null }
  } catch (error) {
    return { backend, code: (error as { code?: string }).code ?? String(error) }
  } finally {
    await locks.close({ graceMs: 0 })
  }
}

async function newDatabase(server: string, round: number): Promise<string> {
  const name = `backends_${round}`
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name}`))
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
