import { LockPool } from '../../src/index.js'
import { inTurn, rate } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'

const PERMITS = 10

/** A caller who has the pool to himself: what a permit costs beside a lock. */
export const semaphore: Group = { name: 'semaphore', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
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
