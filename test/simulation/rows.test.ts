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
  rows: 'statements',
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
 * Goal: if locks are rows (`backend: 'table'`), locks exclude each other, tokens grow, each caller is served, and no row names
 * a process that does not know of it. No fault excuses two holders.
 * Method: the tables are in memory. All code above the statements is the code that runs on PostgreSQL, where half of the
 * processes get notifications and the others poll; or, with procedures, the code that runs on MariaDB and MySQL, with their
 * encoded calls and answers; or the code that writes rows of distributed SQL.
 */
test.each(['statements', 'procedures', 'distributed'] as const)(
  'rows by %s without faults: each caller is served, and every process that a row names gets its lock',
  async (rows) => {
    const { grants } = await runAll(40, (seed) => ({ ...QUIET, rows, readers: seed % 2 === 0 ? 0.3 : 0.6 }))

    expect(grants).toBeGreaterThan(1000)
  },
)

/** Each seed makes its own scenario, as in `lock-pool.test.ts`. STEPS sets the number of steps. */
test.each(['statements', 'procedures', 'distributed'] as const)(
  'rows by %s: any processes, any clocks, any faults',
  async (rows) => {
    const steps = Number(process.env['STEPS'] ?? 20)
    const totals = await runAll(200, (seed) => rowsScenarioOf(seed, steps, rows))

    if (process.env['SEEDS'] !== undefined) process.stdout.write(`${JSON.stringify(totals)}\n`)
    if (process.env['SEED'] !== undefined) return
    expect(totals.faults, 'a test that can fail').toBeGreaterThan(500)
    expect(totals.overlaps).toBe(0)
    expect(totals.writes).toBeGreaterThan(500)
  },
)
