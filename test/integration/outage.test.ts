import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const world = lockWorld()

const POOLS = 10
const CALLERS = 100
/** `npm run bench -- --only outage` has one of ten seconds. */
const OUTAGE_MS = 2000

interface Told {
  readonly code: unknown
  readonly hasCause: boolean
  /** Whether it was asked for after its pool knew that the server is away. */
  readonly isLate: boolean
}

test('a server that is away is asked twice a second, however many callers come', async () => {
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
          const { code, cause } = error as { code?: unknown; cause?: unknown }
          told.push({ code, hasCause: cause instanceof Error, isLate })
        }
        // A service has something else to do between two calls.
        await pause(10)
      }
    }),
  )
  let attempts: number
  let refused: number
  try {
    await expect.poll(() => answers, { timeout: 10_000 }).toBeGreaterThan(POOLS * CALLERS)
    const before = proxy.attempts

    proxy.isRefusing = true
    proxy.reset()
    await pause(OUTAGE_MS)
    attempts = proxy.attempts - before
    refused = told.length
    proxy.isRefusing = false
    const answered = answers
    await expect.poll(() => answers - answered, { timeout: 10_000 }).toBeGreaterThan(2 * POOLS * CALLERS)
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
  expect(late.filter(({ code, hasCause }) => code !== 'CONNECTION_FAILED' || !hasCause)).toEqual([])
  for (const pool of pools) expect(pool.totalCount).toBeLessThanOrEqual(5)
})
