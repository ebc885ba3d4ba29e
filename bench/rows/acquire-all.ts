import { LockPool } from '../../src/index.js'
import { inTurn, latencies, percentile } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'

const KEYS = 100

/** Many keys at once, which nobody else has: what they cost more than one. */
export const acquireAll: Group = { name: 'acquire-all', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  await using locks = new LockPool({ connection: url })
  await locks.ready()
  const keys = Array.from({ length: KEYS }, (_, i) => `key ${i}`)
  const measured = await inTurn(
    rounds,
    {
      acquireAll: () =>
        medianOf(seconds, async () => {
          const group = await locks.acquireAll(keys)
          return () => group.release()
        }),
      acquire: () =>
        medianOf(seconds, async () => {
          const lock = await locks.acquire('key')
          return () => lock.release()
        }),
    },
    say,
  )
  return [
    compared({
      what: `acquireAll of ${KEYS} free keys, p50`,
      unit: 'ms',
      ours: measured.acquireAll,
      reference: { name: 'acquire of one', figures: measured.acquire },
      target: { of: 'ratio', is: 'at most', limit: 1.5 },
    }),
  ]
}

/** Milliseconds of the acquiring alone. */
async function medianOf(seconds: number, acquire: () => Promise<() => Promise<void>>): Promise<number> {
  const taken: number[] = []
  await latencies(seconds, async () => {
    const from = performance.now()
    const release = await acquire()
    taken.push(performance.now() - from)
    await release()
  })
  return percentile(taken, 0.5)
}
