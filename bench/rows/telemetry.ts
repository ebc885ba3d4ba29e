import { LockPool } from '../../src/index.js'
import { PrometheusMetrics } from '../../src/telemetry/index.js'
import { inTurn, rate } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'

const CALLERS = 1000

/** Measures the cost of metrics: the same callers with and without them. */
export const telemetry: Group = { name: 'telemetry', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  await using locks = new LockPool({ connection: url, max: 3 })
  await locks.ready()
  const crowd = (): Promise<number> =>
    rate(CALLERS, seconds, async (goesOn, index) => {
      const key = `watched ${index}`
      while (goesOn()) await (await locks.acquire(key)).release()
    })
  const metrics = new PrometheusMetrics()
  const measured = await inTurn(
    rounds,
    {
      watched: async () => {
        const stop = metrics.watch(locks)
        const pairs = await crowd()
        stop()
        return pairs
      },
      unwatched: crowd,
    },
    say,
  )
  return [
    compared({
      what: `${CALLERS} callers, with metrics`,
      unit: 'pairs/s',
      ours: measured.watched,
      reference: { name: 'without', figures: measured.unwatched },
      target: { of: 'ratio', is: 'at least', limit: 0.9 },
      notes: ['counters, and histograms of waits and holds, for Prometheus'],
    }),
  ]
}
