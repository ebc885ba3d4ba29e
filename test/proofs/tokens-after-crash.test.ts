import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { UnflushedDraw } from '../../chaos/unflushed.js'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { lossOf } from '../support/lock-world.js'
import { startEmbedded } from '../support/own-server.js'
import { query } from '../support/query.js'

/** Draws tokens, each in a separate batch. Returns the last one. */
async function draw(locks: LockPool, times: number): Promise<bigint> {
  let last = 0n
  for (let i = 0; i < times; i++) {
    const lock = await locks.acquire(`key ${i}`)
    expect(lock.token).toBeGreaterThan(last)
    last = lock.token
    await lock.release()
  }
  return last
}

async function untilUp(url: string): Promise<void> {
  for (;;) {
    try {
      await query(url, 'SELECT 1')
      return
    } catch {
      await sleep(20)
    }
  }
}

/** Moves the sequence an hour ahead, as a wrong clock would. Then the time on the clock is too low for the next token. */
const AHEAD = `
  SELECT setval('lockpool.fence', (extract(epoch FROM clock_timestamp()) * 1000 + 3600000)::bigint * 1048576)`

async function crashUnflushed(server: EmbeddedPostgres, how: 'in place' | 'restarted'): Promise<void> {
  const locks = new LockPool({ connection: server.url, max: 2 })
  const lost = lossOf(await locks.acquire('held'))
  await using unflushed = await UnflushedDraw.on(server.url)
  const before = await draw(locks, 20)
  unflushed.kill()
  if (how === 'restarted') await server.restart('immediate')
  await lost
  await locks.close({ graceMs: 0 })

  await untilUp(server.url)
  // This pool has seen no token, like a new process.
  const later = new LockPool({ connection: server.url, max: 2 })
  expect(await draw(later, 1)).toBeGreaterThan(before)
  await later.close({ graceMs: 0 })
}

test.each([
  ['by its clock', false],
  ['where the clock is behind', true],
])(
  'a crash takes no token back, though nothing of them was written: %s',
  async (_, isAhead) => {
    await using server = await startEmbedded({ durable: true })
    const first = new LockPool({ connection: server.url })
    await draw(first, 3)
    if (isAhead) await query(server.url, AHEAD)
    await first.close()

    await crashUnflushed(server, 'in place')
    await crashUnflushed(server, 'restarted')
  },
  60_000,
)
