import { sharedNow } from '../measure.js'
import { alone, type Bench, type Group, type Row } from '../row.js'
import { WorkerProcess } from '../worker.js'
import type { CrowdQuestion, Tally } from '../workers/crowd.js'

const PROCESSES = 4
const WAITERS = 50
/** Processes start, connect and compile at different speeds. */
const WARM_UP_MS = 2000
const WINDOW_MS = 2000
const STEP_MS = 100

/** Several processes with many waiters each want one key. Measures whether each process gets its share. */
export const fairness: Group = { name: 'fairness', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  const workers = Array.from(
    { length: PROCESSES },
    () => new WorkerProcess<CrowdQuestion, Tally[]>('crowd', [url, 'crowd', String(WAITERS)]),
  )
  const measureMs = Math.max(rounds * seconds * 1000, WINDOW_MS * 2)
  say(`${PROCESSES} processes for ${Math.round((WARM_UP_MS + measureMs) / 1000)} s`)
  const from = sharedNow() + WARM_UP_MS
  const untilMs = from + measureMs
  const tallies = await Promise.all(workers.map((worker) => worker.ask({ untilMs })))
  await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))

  const total = tallies.map((each) => grantsBetween(each, from, untilMs)).reduce((sum, each) => sum + each)
  const perSecond = Math.round((total / measureMs) * 1000)
  return [
    alone({
      what: `hot key, ${PROCESSES} processes: smallest share of one in any 2 s`,
      unit: '%',
      ours: [smallestShare(tallies, from, untilMs) * 100],
      target: { of: 'ours', is: 'at least', limit: 15 },
      notes: [`${WAITERS} waiters in each; ${perSecond} grants/s together`],
    }),
  ]
}

/** Slides a window over the time, and returns the smallest share of any process in any window. */
function smallestShare(tallies: readonly (readonly Tally[])[], from: number, to: number): number {
  let smallest = 1
  for (let at = from; at + WINDOW_MS <= to; at += STEP_MS) {
    const grants = tallies.map((each) => grantsBetween(each, at, at + WINDOW_MS))
    const all = grants.reduce((sum, each) => sum + each)
    smallest = Math.min(smallest, Math.min(...grants) / all)
  }
  return smallest
}

function grantsBetween(tallies: readonly Tally[], from: number, to: number): number {
  return grantsUntil(tallies, to) - grantsUntil(tallies, from)
}

/** Interpolates between two tallies. */
function grantsUntil(tallies: readonly Tally[], at: number): number {
  const next = tallies.findIndex((tally) => tally.atMs >= at)
  if (next < 0) return tallies.at(-1)?.grants ?? 0
  const after = tallies[next]!
  const before = tallies[next - 1]
  if (before === undefined) return after.grants
  const part = (at - before.atMs) / (after.atMs - before.atMs)
  return before.grants + part * (after.grants - before.grants)
}
