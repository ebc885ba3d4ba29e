import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ConnectionError } from '../../src/base/errors.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const world = lockWorld()

const POOLS = 10
const CALLERS = 100
/** Short, for a test. `npm run bench -- --only outage` measures an outage of ten seconds. */
const OUTAGE_MS = 2000

interface Refusal {
  readonly code: unknown
  readonly saysWhy: boolean
  /** Whether the caller asked after its pool had noticed the outage. */
  readonly isLate: boolean
}

test(
  'a server that is away is asked twice a second, however many callers come',
  { timeout: 180_000 },
  async () => {
    await using proxy = await TcpProxy.to(world.database.url)
    const pools = Array.from({ length: POOLS }, () => world.pool({ connection: proxy.url }).connections)
    const refusals: Refusal[] = []
    let answers = 0
    let isOver = false
    const callers = pools.flatMap((pool) =>
      Array.from({ length: CALLERS }, async () => {
        while (!isOver) {
          const isLate = pool.counts().failed > 0
          try {
            await pool.query('SELECT 1')
            answers++
          } catch (error) {
            const { code, cause, message } = error as ConnectionError
            // On a busy machine an attempt may take longer than it should. Then the error says that there was no
            // answer, without a cause.
            const saysWhy = cause instanceof Error || message.includes('no answer')
            refusals.push({ code, saysWhy, isLate })
          }
          // A service does other work between two calls.
          await pause(10)
        }
      }),
    )
    let attempts: number
    let refused: number
    try {
      await expect.poll(() => answers, { timeout: 60_000 }).toBeGreaterThan(POOLS * CALLERS)
      const before = proxy.attempts

      proxy.isRefusing = true
      proxy.reset()
      await pause(OUTAGE_MS)
      attempts = proxy.attempts - before
      refused = refusals.length
      proxy.isRefusing = false
      const answered = answers
      await expect.poll(() => answers - answered, { timeout: 60_000 }).toBeGreaterThan(2 * POOLS * CALLERS)
    } finally {
      isOver = true
      await Promise.all(callers)
    }

    expect(attempts).toBeLessThanOrEqual(POOLS * 2 * (OUTAGE_MS / 1000))
    expect(attempts, 'somebody looks whether it is back').toBeGreaterThan(POOLS)
    expect(refused, 'callers do not wait for an attempt, and are refused many times').toBeGreaterThan(
      2 * POOLS * CALLERS,
    )
    const late = refusals.filter(({ isLate }) => isLate)
    const wrong = late.filter(({ code, saysWhy }) => code !== 'CONNECTION_FAILED' || !saysWhy)
    expect(new Set(wrong.map((each) => JSON.stringify(each)))).toEqual(new Set())
    for (const pool of pools) expect(pool.totalCount).toBeLessThanOrEqual(5)
  },
)
