import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Entrant } from '../contender.js'

const EXPIRES_MS = 15_000

/** Hand-written locks on Redis usually try again after a pause. */
const RETRY_MS = 20

/** Deletes the key only if it still has this caller's value. */
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`

export const redis: Entrant = {
  name: 'Redis',
  setUp: `SET NX PX and compare-and-delete with ioredis on one connection, tried again every ${RETRY_MS} ms, no tokens`,
  needsRedis: true,
  mostHeld: Infinity,
  open({ redis: url }) {
    const client = new Redis(url!, { connectionName: 'lockpool-report' })
    client.defineCommand('releaseLock', { numberOfKeys: 1, lua: RELEASE })
    const scripted = client as Redis & { releaseLock(key: string, value: string): Promise<number> }
    return Promise.resolve({
      lock: async (key) => {
        const name = `lockpool-report:${key}`
        const value = randomUUID()
        while ((await client.set(name, value, 'PX', EXPIRES_MS, 'NX')) === null) await sleep(RETRY_MS)
        return () => scripted.releaseLock(name, value)
      },
      connections: () => Promise.resolve(1),
      close: async () => void (await client.quit()),
    })
  },
}
