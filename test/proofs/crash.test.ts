import { expect, test } from 'vitest'
import type { Lock } from '../../src/lock/handle/lock.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { acquireWhenUp, lossOf } from '../support/lock-world.js'
import { startServer } from '../support/own-server.js'

const ROUNDS = 2
const KEYS = 40

/**
 * Goal: the promises hold when the server crashes during use. At most, the server announces the crash with a notice.
 * Method: the test kills one server process. PostgreSQL then ends all sessions and recovers.
 */
test('a killed backend takes all its locks with it, each loss is reported once, and tokens go on growing', async () => {
  await using server = await startServer()
  const pools = [1, 2].map(() => new LockPool({ connection: server.url }))
  const losses: string[] = []
  for (const pool of pools) pool.on('lock:lost', ({ key }) => losses.push(key))
  let highest = 0n

  for (let round = 0; round < ROUNDS; round++) {
    const held: Lock[] = await Promise.all(
      Array.from({ length: KEYS }, (_, i) => acquireWhenUp(pools[i % 2]!, `key ${i}`)),
    )
    for (const lock of held) expect(lock.token).toBeGreaterThan(highest)
    highest = held.map((lock) => lock.token).reduce((a, b) => (a > b ? a : b))

    const [session] = pools[round % 2]!.snapshot().sessions
    process.kill(session!.serverId, 'SIGKILL')
    await Promise.all(held.map(lossOf))

    expect(held.every((lock) => lock.state === 'lost')).toBe(true)
    expect(losses.splice(0).toSorted()).toEqual(held.map(({ key }) => String(key)).toSorted())
  }
  for (const pool of pools) await (await acquireWhenUp(pool, 'after')).release()
  await Promise.all(pools.map((pool) => pool.close({ graceMs: 0 })))
}, 60_000)
