import { LockPool } from '../../src/index.js'
import { inTurn, latencies, percentile } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'
import { Link } from '../link.js'

const KEYS = 100
/** In one direction: what is usual between two machines of one data centre is a fraction of it, between two zones as much. */
const DELAY_MS = 1

/** Many keys at once, which nobody else has: what they cost more than one. */
export const acquireAll: Group = { name: 'acquire-all', run }

async function run(bench: Bench): Promise<readonly Row[]> {
  await using link = await Link.to(bench.url, DELAY_MS)
  return [
    await compare(bench, 'on this machine', bench.url),
    await compare(bench, `over a link of ${2 * DELAY_MS} ms`, link.url),
  ]
}

async function compare({ rounds, seconds, say }: Bench, where: string, url: string): Promise<Row> {
  await using locks = new LockPool({ connection: url })
  await locks.ready()
  const keys = Array.from({ length: KEYS }, (_, i) => `key ${i}`)
  const measured = await inTurn(
    rounds,
    {
      acquireAll: () => medianOf(seconds, () => locks.acquireAll(keys)),
      acquire: () => medianOf(seconds, () => locks.acquire('key')),
    },
    (what) => say(`${where}, ${what}`),
  )
  return compared({
    what: `acquireAll of ${KEYS} free keys, p50, ${where}`,
    unit: 'ms',
    ours: measured.acquireAll,
    reference: { name: 'acquire of one', figures: measured.acquire },
    target: { of: 'ratio', is: 'at most', limit: 1.5 },
  })
}

/** Milliseconds of the acquiring alone. */
async function medianOf(
  seconds: number,
  acquire: () => Promise<{ release(): Promise<void> }>,
): Promise<number> {
  const taken: number[] = []
  await latencies(seconds, async () => {
    const from = performance.now()
    const held = await acquire()
    taken.push(performance.now() - from)
    await held.release()
  })
  return percentile(taken, 0.5)
}
