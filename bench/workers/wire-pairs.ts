import { rate } from '../measure.js'
import { connectTo } from '../server.js'
import { serve } from '../worker.js'
import type { WirePairsAnswer, WirePairsQuestion } from './front-terms.js'

const [url = '', clients = ''] = process.argv.slice(2)

const sessions = await Promise.all(Array.from({ length: Number(clients) }, () => connectTo(url)))
let next = 0

serve(
  async ({ seconds }: WirePairsQuestion): Promise<WirePairsAnswer> => {
    const pairsPerSecond = await rate(sessions.length, seconds, async (goesOn, index) => {
      const session = sessions[index]!
      while (goesOn()) {
        const key = next++
        await session.query(`SELECT pg_advisory_lock(${key})`)
        await session.query(`SELECT pg_advisory_unlock(${key})`)
      }
    })
    return { pairsPerSecond }
  },
  async () => {
    await Promise.all(sessions.map((session) => session.end()))
  },
)
