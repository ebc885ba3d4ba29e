import { LockPool } from '../../src/index.js'
import { inTurn, latencies, percentile } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'
import { Link } from '../link.js'
import { connectTo } from '../server.js'

const KEYS = 100
/**
 * The delay in one direction. Two machines of one data centre usually have a fraction of it, two zones about as much.
 */
const DELAY_MS = 1

/** Compares many free keys in one call with one free key. */
export const acquireAll: Group = { name: 'acquire-all', run }

async function run(bench: Bench): Promise<readonly Row[]> {
  await using link = await Link.to(bench.url, DELAY_MS)
  return [
    await compare(bench, 'on this machine', bench.url, 2),
    await compareServerAlone(bench),
    await compare(bench, `over a link of ${2 * DELAY_MS} ms`, link.url, 1.5),
  ]
}

/**
 * Compares the same numbers of locks with a bare client, without a list of keys, tokens or answers. A server can't do
 * less.
 */
async function compareServerAlone({ url, rounds, seconds, say }: Bench): Promise<Row> {
  const client = await connectTo(url)
  const locks = (count: number) => async () => {
    const series = `generate_series(1, ${count}) AS keys (k)`
    await client.query({
      name: `lock ${count}`,
      text: `SELECT count(pg_try_advisory_lock(k)) FROM ${series}`,
    })
    const text = `SELECT count(pg_advisory_unlock(k)) FROM ${series}`
    return { release: async () => void (await client.query({ name: `unlock ${count}`, text })) }
  }
  const measured = await inTurn(
    rounds,
    { many: () => medianOf(seconds, locks(KEYS)), one: () => medianOf(seconds, locks(1)) },
    (what) => say(`the server alone, ${what}`),
  )
  await client.end()
  return compared({
    what: `the server alone, ${KEYS} locks in one statement, on this machine`,
    unit: 'ms',
    ours: measured.many,
    reference: { name: 'one lock', figures: measured.one },
    notes: ['the target leaves the rest for all other work'],
  })
}

async function compare(
  { rounds, seconds, say }: Bench,
  where: string,
  url: string,
  limit: number,
): Promise<Row> {
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
    target: { of: 'ratio', is: 'at most', limit },
  })
}

/** The median in milliseconds of acquiring, without the release. */
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
