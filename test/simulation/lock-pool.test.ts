import { expect, test } from 'vitest'
import { scenarioOf, type Scenario } from './scenario.js'
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
  faults: {},
}

interface Totals {
  events: number
  grants: number
  faults: number
  grantedByPoll: number
  overlaps: number
  writes: number
  refusedWrites: number
}

/** Runs one town per seed, and keeps only the sums of their counters. */
async function runAll(count: number, scenario: (seed: number) => Scenario): Promise<Totals> {
  const totals: Totals = {
    events: 0,
    grants: 0,
    faults: 0,
    grantedByPoll: 0,
    overlaps: 0,
    writes: 0,
    refusedWrites: 0,
  }
  await runSeeds(
    count,
    (seed) => new Town(seed, scenario(seed)),
    ({ events, faults, grantedByPoll, witness }) => {
      const { grants, overlaps, writes, refusedWrites } = witness
      const counted = { events, faults, grantedByPoll, grants, overlaps, writes, refusedWrites }
      for (const name of Object.keys(counted) as (keyof Totals)[]) totals[name] += counted[name]
    },
  )
  return totals
}

/**
 * Goal: locks exclude, tokens grow, every caller is served, and nothing is left, in any schedule.
 * Method: processes and callers with random keys, modes, timeouts, aborts and holds. Every message has its own delay.
 */
test('without faults no caller waits for the poll', async () => {
  const { grants, grantedByPoll } = await runAll(60, () => QUIET)

  expect(grantedByPoll, 'wake-ups that were lost').toBe(0)
  expect(grants).toBeGreaterThan(10)
})

test('one key for all processes', async () => {
  const { grantedByPoll } = await runAll(40, () => ({ ...QUIET, keys: 1, processes: 4, readers: 0.2 }))

  expect(grantedByPoll, 'wake-ups that were lost').toBe(0)
})

/** The same while sessions are killed or cut off, batches fail half-way, and the server restarts. */
test('all promises hold with faults', async () => {
  const { grants, faults } = await runAll(80, (seed) => ({
    ...QUIET,
    max: 1 + (seed % 4),
    steps: 120,
    faults: { kill: 0.02, cut: 0.02, failBatch: 0.03, restart: 0.004 },
  }))

  expect(faults).toBeGreaterThan(2)
  expect(grants).toBeGreaterThan(10)
})

test('all promises hold in strict mode, with and without faults', async () => {
  await runAll(30, () => ({ ...QUIET, strict: true }))
  const { grants, faults } = await runAll(60, (seed) => ({
    ...QUIET,
    strict: true,
    max: 1 + (seed % 4),
    steps: 120,
    stepMs: 100,
    faults: { kill: 0.02, cut: 0.02, failBatch: 0.03, restart: 0.004 },
  }))

  expect(faults).toBeGreaterThan(2)
  expect(grants).toBeGreaterThan(10)
})

/** Holders are cut off, and then the server ends their sessions before the lease is over. */
const HAUNTED: Scenario = {
  ...QUIET,
  processes: 4,
  keys: 2,
  holdMs: 2000,
  steps: 150,
  stepMs: 200,
  faults: { kill: 0.02, cut: 0.1, ghost: 0.2, failBatch: 0.02, restart: 0.004 },
}

/**
 * Goal: in strict mode a key never has two holders, whatever makes the server release a lock.
 * Method: the server ends sessions that are cut off. Their holders learn of it seconds later.
 */
test('a server that releases early makes two holders, unless the pools are strict', async () => {
  const plain = await runAll(30, () => HAUNTED)
  const { grants, faults, overlaps } = await runAll(60, () => ({ ...HAUNTED, strict: true }))

  expect(plain.overlaps, 'a test that can fail').toBeGreaterThan(0)
  expect(overlaps).toBe(0)
  expect(faults).toBeGreaterThan(50)
  expect(grants).toBeGreaterThan(50)
})

/**
 * Holders are cut off for longer than a lease, and callers of other processes wait for their keys. Each process has its own
 * clocks.
 */
const PARTED: Scenario = {
  ...QUIET,
  processes: 4,
  keys: 2,
  readers: 0,
  holdMs: 4000,
  steps: 150,
  stepMs: 200,
  faults: { cut: 0.1 },
}

/**
 * Goal: the margin of the lease covers clocks whose rate differs from the server's clock by up to a fifth.
 * Method: a holder that is cut off believes in its lock until its own clock says that the lease is over.
 */
test('clocks that are a tenth too slow make no two holders, and clocks that are a third too slow do', async () => {
  await runAll(60, () => ({ ...PARTED, drift: 0.1 }))

  await expect(runAll(60, () => ({ ...PARTED, drift: 0.35 }))).rejects.toThrow(/both hold key/)
})

test('a pool of one connection takes turns and gets stuck nowhere', async () => {
  await runAll(30, () => ({ ...QUIET, max: 1, faults: { kill: 0.01 } }))
})

/**
 * Goal: all promises hold in any combination of faults, and no lock and no timer is left.
 * Method: each seed makes a scenario: several processes with their own clocks, and a choice of faults. Processes stop, sleep,
 * change their clocks and die. STEPS sets the number of steps.
 */
test('any processes, any clocks, any faults', async () => {
  const steps = Number(process.env['STEPS'] ?? 20)
  // `.ci/run` has more time than a person.
  const count = process.env['LONG_SIMULATION'] === undefined ? 1200 : 3000
  const totals = await runAll(count, (seed) => scenarioOf(seed, steps))

  if (process.env['SEEDS'] !== undefined) process.stdout.write(`${JSON.stringify(totals)}\n`)
  if (process.env['SEED'] !== undefined) return
  expect(totals.faults, 'a test that can fail').toBeGreaterThan(1000)
  expect(totals.overlaps, 'in plain mode, where the server let go early').toBeGreaterThan(0)
  expect(totals.refusedWrites, 'stale writes that the token kept out').toBeGreaterThan(0)
})
