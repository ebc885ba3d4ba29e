import { LockPool } from '../../../src/index.js'
import { connectionsOf } from '../connections-of.js'
import type { Entrant } from '../contender.js'

const APPLICATION = 'report: lockpool'

export const lockpool: Entrant = {
  name: 'lockpool',
  setUp: 'at most 5 connections, with fencing tokens',
  needsRedis: false,
  mostHeld: Infinity,
  async open({ postgres }) {
    const options = { connection: postgres, max: 5, applicationName: APPLICATION, maxHeldLocks: 20_000 }
    const locks = await new LockPool(options).ready()
    return {
      lock: async (key) => {
        const lock = await locks.acquire(key)
        return () => lock.release()
      },
      connections: () => connectionsOf(postgres, APPLICATION),
      close: () => locks.close(),
    }
  },
}
