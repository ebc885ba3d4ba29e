import { performance } from 'node:perf_hooks'
import { cpuUsage } from 'node:process'
import { serve } from '../worker.js'
import type { WirePairsAnswer, WirePairsQuestion } from './front-terms.js'
import { WireClient } from './wire-client.js'

const [url = '', clients = ''] = process.argv.slice(2)

/** Each session of a server is a process. The server refuses some if all are opened at once. */
const AT_ONCE = 20

const sessions: WireClient[] = []
while (sessions.length < Number(clients)) {
  const count = Math.min(AT_ONCE, Number(clients) - sessions.length)
  sessions.push(...(await Promise.all(Array.from({ length: count }, () => WireClient.open(url)))))
}
let next = 0

/** Locks and unlocks until the time is up. Returns the number of pairs. */
function goRound(session: WireClient, endsAt: number): Promise<number> {
  return new Promise((resolve) => {
    let pairs = 0
    const lock = (): void => {
      if (performance.now() >= endsAt) return resolve(pairs)
      const key = next++
      session.ask(`SELECT pg_advisory_lock(${key})`, () =>
        session.ask(`SELECT pg_advisory_unlock(${key})`, () => {
          pairs++
          lock()
        }),
      )
    }
    lock()
  })
}

serve(
  async ({ seconds }: WirePairsQuestion): Promise<WirePairsAnswer> => {
    const startedAt = performance.now()
    const before = cpuUsage()
    const endsAt = startedAt + seconds * 1000
    const counts = await Promise.all(sessions.map((session) => goRound(session, endsAt)))
    const { user, system } = cpuUsage(before)
    const pairs = counts.reduce((sum, count) => sum + count, 0)
    return {
      pairsPerSecond: (pairs / (performance.now() - startedAt)) * 1000,
      pairs,
      cpuMicroseconds: user + system,
    }
  },
  () => {
    for (const session of sessions) session.end()
    return Promise.resolve()
  },
)
