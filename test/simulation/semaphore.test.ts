import { expect, test } from 'vitest'
import { runSeeds } from './seeds.js'
import { SemaphoreTown, type SemaphoreScenario } from './semaphore-town.js'

async function runAll(
  count: number,
  scenario: (seed: number) => SemaphoreScenario,
): Promise<SemaphoreTown[]> {
  const towns: SemaphoreTown[] = []
  await runSeeds(
    count,
    (seed) => new SemaphoreTown(seed, scenario(seed)),
    (town) => towns.push(town),
  )
  return towns
}

const QUIET: SemaphoreScenario = {
  processes: 3,
  callers: 15,
  permits: 3,
  latencyMs: 2,
  holdMs: 8,
  max: 3,
  steps: 60,
  isPatient: true,
  faults: {},
}

/**
 * Goal: neither the server nor the holders ever count more holders than permits. Every permit becomes free, and no caller
 * starves.
 * Method: processes and callers with random holds. Every message has its own delay.
 */
test('callers that wait are all served, every process gets its share, and none waits for the poll', async () => {
  const towns = await runAll(60, (seed) => ({ ...QUIET, permits: 1 + (seed % 5) }))

  for (const { grants } of towns) expect(Math.min(...grants)).toBeGreaterThan(0)
  const longest = (name: 'longestIdleMs' | 'longestWaitMs'): number =>
    Math.max(...towns.map((town) => town[name]))
  // A waiter in the server queue for one permit does not notice that another permit is free until its own becomes free.
  expect(longest('longestIdleMs')).toBeLessThan(100)
  expect(longest('longestWaitMs')).toBeLessThan(500)
})

test('without a server queue no waiter depends on the poll either', async () => {
  const towns = await runAll(60, (seed) => ({ ...QUIET, permits: 1 + (seed % 5), hasLines: false }))

  // If a wake-up were lost, the permit would stay free until the poll, which comes after at least 37 ms.
  expect(Math.max(...towns.map((town) => town.longestIdleMs))).toBeLessThan(35)
})

test('callers who come and go leave nothing behind', async () => {
  const towns = await runAll(80, (seed) => ({ ...QUIET, isPatient: false, permits: 1 + (seed % 5) }))

  for (const { grants } of towns) expect(grants.reduce((sum, each) => sum + each)).toBeGreaterThan(10)
})

/** The same while sessions are killed or cut off and statements fail half-way. */
test('all promises hold with faults', async () => {
  const towns = await runAll(100, (seed) => ({
    ...QUIET,
    permits: 1 + (seed % 5),
    isPatient: seed % 2 === 0,
    max: 1 + (seed % 4),
    steps: 120,
    faults: { kill: 0.02, cut: 0.02, failBatch: 0.03 },
  }))

  expect(towns.reduce((sum, town) => sum + town.faults, 0)).toBeGreaterThan(100)
})
