import { Redis } from 'ioredis'
import Redlock from 'redlock'
import type { Entrant } from '../contender.js'

const EXPIRES_MS = 15_000

export const redlock: Entrant = {
  name: 'redlock',
  setUp:
    'the package redlock on one Redis, with its default settings except that it tries again without end, no tokens',
  needsRedis: true,
  mostHeld: Infinity,
  open({ redis: url }) {
    const client = new Redis(url!, { connectionName: 'lockpool-report' })
    const locks = new Redlock([client], { retryCount: -1 })
    return Promise.resolve({
      lock: async (key) => {
        const lock = await locks.acquire([`lockpool-report:${key}`], EXPIRES_MS)
        return () => lock.release()
      },
      connections: () => Promise.resolve(1),
      close: async () => void (await client.quit()),
    })
  },
}
