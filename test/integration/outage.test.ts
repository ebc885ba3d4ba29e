import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ConnectionError } from '../../src/base/errors.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const world = lockWorld()

const POOLS = 10
const CALLERS = 100
/** `npm run bench -- --only outage` has one of ten seconds. */
const OUTAGE_MS = 2000

interface Told {
  readonly code: unknown
  readonly saysWhy: boolean
  /** Whether it was asked for after its pool knew that the server is away. */
  readonly isLate: boolean
}

test(
  'a server that is away is asked twice a second, however many callers come',
  { timeout: 180_000 },
  async () => {
    await using proxy = await TcpProxy.to(world.database.url)
    const pools = Array.from({ length: POOLS }, () => world.pool({ connection: proxy.url }).connections)
    const told: Told[] = []
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
            // A busy machine may let an attempt wait for longer than it may.
            const saysWhy = cause instanceof Error || message.includes('no answer')
            told.push({ code, saysWhy, isLate })
          }
          // A service has something else to do between two calls.
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
      refused = told.length
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
    const late = told.filter(({ isLate }) => isLate)
    const wrong = late.filter(({ code, saysWhy }) => code !== 'CONNECTION_FAILED' || !saysWhy)
    expect(new Set(wrong.map((each) => JSON.stringify(each)))).toEqual(new Set())
    for (const pool of pools) expect(pool.totalCount).toBeLessThanOrEqual(5)
  },
)
