import { setTimeout as sleep } from 'node:timers/promises'
import { LockPool } from '../../src/index.js'
import { sharedNow } from '../measure.js'
import { connectTo } from '../server.js'
import { serve } from '../worker.js'

export interface PingPongQuestion {
  readonly turns: number
}

/** The start and the end of one turn, on the clock that all processes share. */
export interface Held {
  readonly grantedMs: number
  readonly releasedMs: number
}

/** A holder holds longer than the other process pauses, so that the other always waits when it releases. */
const HOLD_MS = 3
const PAUSE_MS = 1

/** How a process acquires and releases the lock. */
interface Player {
  take(): Promise<() => Promise<unknown>>
  end(): Promise<void>
}

const [kind = '', url = '', key = ''] = process.argv.slice(2)
const player = kind === 'lockpool' ? withLockpool() : await withBlockingStatements()

serve(
  async ({ turns }: PingPongQuestion): Promise<Held[]> => {
    const held: Held[] = []
    for (let turn = 0; turn < turns; turn++) {
      const giveBack = await player.take()
      const grantedMs = sharedNow()
      await sleep(HOLD_MS)
      const releasedMs = sharedNow()
      await giveBack()
      held.push({ grantedMs, releasedMs })
      await sleep(PAUSE_MS)
    }
    return held
  },
  () => player.end(),
)

function withLockpool(): Player {
  const locks = new LockPool({ connection: url, applicationName: 'lockpool-bench-ping-pong' })
  return {
    take: async () => {
      const lock = await locks.acquire(key)
      return () => lock.release()
    },
    end: () => locks.close(),
  }
}

/** Waits in the server's own queue, which costs a connection per waiter. */
async function withBlockingStatements(): Promise<Player> {
  const client = await connectTo(url)
  const values = [key]
  return {
    take: async () => {
      await client.query({ name: 'lock', text: 'SELECT pg_advisory_lock(hashtextextended($1, 0))', values })
      return () =>
        client.query({ name: 'unlock', text: 'SELECT pg_advisory_unlock(hashtextextended($1, 0))', values })
    },
    end: () => client.end(),
  }
}
