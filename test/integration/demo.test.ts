import { expect, test } from 'vitest'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

async function leftovers(): Promise<unknown> {
  const { rows } = await world.database.query(
    `SELECT nspname AS left FROM pg_namespace WHERE nspname LIKE 'lockpool_demo%'
     UNION ALL
     SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'lockpool demo%' AND datname = current_database()`,
  )
  return rows
}

const SMALL = [
  '--tasks',
  '20',
  '--accounts',
  '30',
  '--processes',
  '3',
  '--connections',
  '3',
  '--seconds',
  '2',
]

test('the demo keeps its promises, says so as JSON, and leaves nothing', async () => {
  const demo = lockpool(['demo', '--json', ...SMALL, '--url', world.database.url])

  expect(await demo.ended, demo.err).toBe(0)
  expect(demo.err).toBe('')
  const outcome = JSON.parse(demo.out.toString())
  expect(outcome).toMatchObject({ version: 1, broken: [], exitCode: 0, processes: 3, maxConnections: 9 })
  expect(outcome.withLocks).toMatchObject({ missingCents: 0, ledger: { regressions: 0, wrongAccounts: 0 } })
  expect(outcome.withLocks.tally.transfers).toBeGreaterThan(0)
  expect(outcome.killed.transfersAfter).toBeGreaterThan(0)
  await expect.poll(leftovers, { timeout: 5000 }).toEqual([])
})

test('somebody who has seen enough presses Ctrl-C, and nothing is left', async () => {
  const demo = lockpool(['demo', ...SMALL, '--seconds', '60', '--url', world.database.url])
  await expect.poll(leftovers, { timeout: 20_000 }).not.toEqual([])

  demo.kill('SIGINT')

  expect(await demo.ended).toBe(130)
  await expect.poll(leftovers, { timeout: 5000 }).toEqual([])
})

test('without a database there is a clear word, and no stack', async () => {
  const demo = lockpool(['demo', '--url', 'postgres://nobody:secret@127.0.0.1:1/none'])

  expect(await demo.ended).toBe(69)
  expect(demo.err).toMatch(/ECONNREFUSED/)
  expect(demo.err).not.toMatch(/secret| at /)
})
