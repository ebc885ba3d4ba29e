import { expect, test } from 'vitest'
import { ConnectionPool } from '../../../src/pool/connection-pool.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { collect, collectInVain } from '../../support/garbage.js'
import { WrappingFactory, type Stub } from '../../support/stub-factory.js'

function poolOf(leakWarningMs: number): {
  pool: ConnectionPool<Stub>
  forgotten: unknown[]
  clock: ManualClock
} {
  const clock = new ManualClock()
  const options = { max: 2, leakWarningMs }
  const pool = new ConnectionPool(new WrappingFactory(), options, { clock, random: new SeededRandom(1) })
  const forgotten: unknown[] = []
  pool.on('connection:forgotten', (event) => forgotten.push(event))
  return { pool, forgotten, clock }
}

test('a connection that its borrower has forgotten is checked in and reported', async () => {
  const { pool, forgotten, clock } = poolOf(60_000)
  await (async () => void (await pool.connect()))()
  const kept = await pool.connect()
  const waiting = pool.connect()

  await collect(() => forgotten.length > 0)

  expect(forgotten).toEqual([{ id: 1, heldMs: 0, where: expect.stringMatching(/checkouts\.test\.ts/) }])
  const next = await waiting
  expect([next.id, kept.id]).toEqual([1, 2])
  next.release()
  kept.release()
  await pool.close()
  expect(clock.armed).toBe(0)
})

test('a checked-in connection is not reported, and without the option nothing is', async () => {
  const [watched, unwatched] = [poolOf(60_000), poolOf(0)]
  await (async () => (await watched.pool.connect()).release())()
  await (async () => void (await unwatched.pool.connect()))()

  await collectInVain()

  expect([watched.forgotten, unwatched.forgotten]).toEqual([[], []])
  expect(unwatched.pool.leasedCount).toBe(1)
  const closing = Promise.all([watched.pool.close(), unwatched.pool.close({ graceMs: 0 })])
  await unwatched.clock.run(1)
  await closing
})
