import { expect, test } from 'vitest'
import { rowsScenarioOf, type Scenario } from './scenario.js'
import { runSeeds } from './seeds.js'
import { Town } from './town.js'

const QUIET: Scenario = {
  processes: 3,
  callers: 12,
  keys: 3,
  readers: 0.3,
  latencyMs: 3,
  holdMs: 8,
  max: 3,
  steps: 60,
  rows: true,
  faults: {},
}

interface Totals {
  events: number
  grants: number
  faults: number
  overlaps: number
  writes: number
  refusedWrites: number
}

async function runAll(count: number, scenario: (seed: number) => Scenario): Promise<Totals> {
  const totals: Totals = { events: 0, grants: 0, faults: 0, overlaps: 0, writes: 0, refusedWrites: 0 }
  await runSeeds(
    count,
    (seed) => new Town(seed, scenario(seed)),
    ({ events, faults, witness }) => {
      const { grants, overlaps, writes, refusedWrites } = witness
      const counted = { events, faults, grants, overlaps, writes, refusedWrites }
      for (const name of Object.keys(counted) as (keyof Totals)[]) totals[name] += counted[name]
    },
  )
  return totals
}

/**
 * Goal: exclusion, growing tokens, that each caller is served, and that no row names a process that does not know it, with locks
 * as rows (`backend: 'table'`). Nothing excuses two holders here.
 * Method: the tables are in memory, and everything above the statements is what runs in PostgreSQL. Half of the processes
 * are notified, the others only look.
 */
test('rows without faults: each caller is served, and every process that a row names gets its lock', async () => {
  const { grants } = await runAll(40, (seed) => ({ ...QUIET, readers: seed % 2 === 0 ? 0.3 : 0.6 }))

  expect(grants).toBeGreaterThan(1000)
})

/** Each seed is a scenario of its own, as of locks that belong to connections. STEPS makes them longer. */
test('rows: any processes, any clocks, any faults', async () => {
  const steps = Number(process.env['STEPS'] ?? 20)
  const totals = await runAll(200, (seed) => rowsScenarioOf(seed, steps))

  if (process.env['SEEDS'] !== undefined) process.stdout.write(`${JSON.stringify(totals)}\n`)
  if (process.env['SEED'] !== undefined) return
  expect(totals.faults, 'a test that can fail').toBeGreaterThan(500)
  expect(totals.overlaps).toBe(0)
  expect(totals.writes).toBeGreaterThan(500)
})
