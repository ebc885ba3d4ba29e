import { LockPool } from '../../src/index.js'
import { Contest } from '../contest.js'
import { inTurn, percentile, rate } from '../measure.js'
import { TransactionCount } from '../request-count.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { PERMITS as CONTESTED, type ContestantName } from '../workers/turns-terms.js'

const PERMITS = 10
const PROCESSES = 16
const TIMES_OF_ROUND = 2

/** Compares a permit with a lock for a single caller, and measures more processes than there are permits. */
export const semaphore: Group = { name: 'semaphore', run }

async function run(bench: Bench): Promise<readonly Row[]> {
  return [...(await oneCaller(bench)), ...(await contested(bench))]
}

async function contested({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  await using contest = new Contest('turns', [url], PROCESSES, await TransactionCount.at(url))
  const name: ContestantName = 'semaphore'
  const { semaphore } = await inTurn(
    rounds,
    { semaphore: () => contest.run(name, seconds * TIMES_OF_ROUND, CONTESTED) },
    (what) => say(`${PROCESSES} processes, ${what}`),
  )
  const among = `${PROCESSES} processes, ${CONTESTED} permits`
  return [
    alone({
      what: `${among}: transactions per grant`,
      unit: '',
      ours: semaphore.map(({ requestsPerGrant }) => requestsPerGrant),
      target: { of: 'ours', is: 'at most', limit: 6 },
      notes: ['one caller in each, who holds it for 2 ms and wants it again at once'],
    }),
    alone({
      what: `${among}: p99 of the wait`,
      unit: 'ms',
      ours: semaphore.map(({ waits }) => percentile(waits, 0.99)),
    }),
    alone({
      what: `${among}: grants`,
      unit: 'grants/s',
      ours: semaphore.map(({ grantsPerSecond }) => grantsPerSecond),
    }),
  ]
}

async function oneCaller({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  await using locks = new LockPool({ connection: url })
  await using others = new LockPool({ connection: url })
  await locks.ready()
  const permits = locks.semaphore('bench', PERMITS)
  const busy = locks.semaphore('busy', PERMITS)
  const held = await Promise.all(
    Array.from({ length: PERMITS }, () => others.semaphore('busy', PERMITS).acquire()),
  )
  const lock = await others.acquire('busy')

  const pairs = await inTurn(
    rounds,
    {
      permit: () =>
        rate(1, seconds, async (goesOn) => {
          while (goesOn()) await (await permits.acquire()).release()
        }),
      lock: () =>
        rate(1, seconds, async (goesOn) => {
          while (goesOn()) await (await locks.acquire('bench')).release()
        }),
    },
    say,
  )
  const refusals = await inTurn(
    rounds,
    {
      permit: () =>
        rate(1, seconds, async (goesOn) => {
          while (goesOn()) await busy.tryAcquire()
        }),
      lock: () =>
        rate(1, seconds, async (goesOn) => {
          while (goesOn()) await locks.tryAcquire('busy')
        }),
    },
    say,
  )
  await Promise.all([lock.release(), ...held.map((permit) => permit.release())])
  const target = { of: 'ratio', is: 'at least', limit: 0.5 } as const
  return [
    compared({
      what: `one caller, a permit of ${PERMITS}, acquire and release`,
      unit: 'pairs/s',
      ours: pairs.permit,
      reference: { name: 'a lock', figures: pairs.lock },
      target,
    }),
    compared({
      what: `one caller, a try that finds all ${PERMITS} permits taken`,
      unit: 'tries/s',
      ours: refusals.permit,
      reference: { name: 'a lock', figures: refusals.lock },
      target,
    }),
  ]
}
