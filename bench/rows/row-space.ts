import { LockPool } from '../../src/index.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { serverCpu } from '../server-cpu.js'
import { connectTo } from '../server.js'

const KEYS = 10_000
const CALLERS = 1000
const PARTS = 10

/** For each second of all usual rounds together: about as many pairs as fit into a second. */
const PAIRS_PER_SECOND = 100_000

const SPACE = `
SELECT sum(pg_total_relation_size(c.oid))::float8 / 1e6 AS megabytes
FROM pg_class AS c
WHERE c.relnamespace = 'lockpool'::regnamespace AND c.relname IN ('lease', 'member', 'floor')`

/** Whether locks as rows keep their cost, and how much space they need, if the same few keys are used all the time. */
export const rowSpace: Group = { name: 'row-space', isOnlyWhenNamed: true, run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  const pairs = Math.ceil((rounds * seconds * PAIRS_PER_SECOND) / (PARTS * KEYS)) * KEYS
  const locks = await new LockPool({ connection: url, backend: 'table', namespace: 'space' }).ready()
  const client = await connectTo(url)
  try {
    await useAll(locks, KEYS)
    const parts: Part[] = []
    for (let part = 1; part <= PARTS; part++) {
      const before = await serverCpu(client)
      const startedAt = performance.now()
      await useAll(locks, pairs)
      const tookSeconds = (performance.now() - startedAt) / 1000
      const after = await serverCpu(client)
      const megabytes = (await client.query<{ megabytes: number }>(SPACE)).rows[0]!.megabytes
      const cpu = before === null || after === null ? NaN : (after - before) / pairs
      parts.push({ cpu, rate: pairs / tookSeconds, megabytes })
      say(`part ${part} of ${PARTS}: ${Math.round(pairs / tookSeconds)} pairs/s, ${megabytes.toFixed(1)} MB`)
    }
    return rowsOf(parts, pairs * PARTS)
  } finally {
    await locks.close()
    await client.end()
  }
}

interface Part {
  /** Microseconds of server CPU per pair. */
  readonly cpu: number
  readonly rate: number
  readonly megabytes: number
}

/** Each caller has its own keys, so that every pair reaches the server. */
async function useAll(locks: LockPool, pairs: number): Promise<void> {
  const own = KEYS / CALLERS
  const call = async (caller: number): Promise<void> => {
    for (let i = 0; i < pairs / CALLERS; i++) {
      const lock = await locks.acquire(`key ${caller * own + (i % own)}`)
      await lock.release()
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller)))
}

function rowsOf(parts: readonly Part[], pairs: number): Row[] {
  const [first, last] = [parts[0]!, parts.at(-1)!]
  const what = `rows with leases, ${pairs * 2} lock operations on ${KEYS} keys`
  const notes = [`${CALLERS} callers, direct, keys of their own; tables and indexes of lockpool in the end`]
  const reference = (figure: number) => ({ name: 'the first tenth', figures: [figure] })
  return [
    alone({
      what: `${what}: space`,
      unit: 'MB',
      ours: [last.megabytes],
      target: { of: 'ours', is: 'at most', limit: 5 },
      notes,
    }),
    compared({
      what: 'CPU of the server for a pair, last tenth',
      unit: 'us',
      ours: [last.cpu],
      reference: reference(first.cpu),
      target: { of: 'ratio', is: 'at most', limit: 1.1 },
    }),
    compared({
      what: 'pairs, last tenth',
      unit: 'pairs/s',
      ours: [last.rate],
      reference: reference(first.rate),
    }),
  ]
}
