import { expect, test } from 'vitest'
import type { Figures } from '../../src/cli/bench/figures.js'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

test('it measures everything, and changes nothing in the database', async () => {
  const bench = lockpool(['bench', '--json', '-t', '20ms', '-c', '20'], { url: world.database.url })

  expect(await bench.ended, bench.err).toBe(0)
  const told = JSON.parse(bench.out.toString()) as Figures & { version: number; hasTokens: boolean }
  expect(told).toMatchObject({ version: 1, hasTokens: false, ms: 20, callers: 20 })
  expect(told.latencies.map(({ name }) => name)).toEqual([
    'round trip',
    'notification',
    'one lock: acquire',
    'hand-off between two pools',
  ])
  expect(told.rates.map(({ name }) => name)).toEqual(['one caller', '20 callers', '20 callers, one key'])
  for (const { p50Ms, p99Ms } of told.latencies) expect(p50Ms > 0 && p50Ms <= p99Ms).toBe(true)
  for (const { perSecond } of told.rates) expect(perSecond).toBeGreaterThan(0)
  const { rows } = await world.database.query(`SELECT FROM pg_namespace WHERE nspname = 'lockpool'`)
  expect(rows).toEqual([])
})

test('an unreachable server is reported as by every other command', async () => {
  const bench = lockpool(['bench'], { url: 'postgres://u:secret@127.0.0.1:1/db' })

  expect(await bench.ended).toBe(69)
  expect(bench.err).toMatch(/ECONNREFUSED/)
  expect(bench.err).not.toMatch(/secret/)
})
