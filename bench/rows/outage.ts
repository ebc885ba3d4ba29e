import { setTimeout as pause } from 'node:timers/promises'
import { LockPool } from '../../src/index.js'
import { Link } from '../link.js'
import { percentile } from '../measure.js'
import { alone, type Bench, type Group, type Row } from '../row.js'

const POOLS = 10
const CALLERS_PER_POOL = 100
const OUTAGE_MS = 10_000
/** The answers of this time count as one figure, before and after the outage. */
const BUCKET_MS = 200
const BEFORE_MS = 2000
const AFTER_MS = 5000
/** The pause of a caller between two calls. */
const BETWEEN_MS = 20

/**
 * A server is unreachable for ten seconds, with a thousand callers. Measures how fast calls fail, and how often the
 * pools try to connect.
 */
export const outage: Group = { name: 'outage', run }

interface Log {
  /** When each answer came. */
  readonly answers: number[]
  /** How long a call took to fail, if the pool knew already that the server is unreachable. */
  readonly refusals: number[]
  causes: number
}

async function run({ url, say }: Bench): Promise<readonly Row[]> {
  await using link = await Link.to(url, 0)
  const pools = Array.from({ length: POOLS }, () => new LockPool({ connection: link.url }))
  const log: Log = { answers: [], refusals: [], causes: 0 }
  const over = new AbortController()
  const callers = pools.flatMap((pool) =>
    Array.from({ length: CALLERS_PER_POOL }, () => call(pool, log, over.signal)),
  )
  say('before')
  await pause(BEFORE_MS)
  const before = log.answers.length
  await pause(BEFORE_MS)
  const perBucket = ((log.answers.length - before) / BEFORE_MS) * BUCKET_MS

  say('the server is away')
  const attemptsBefore = link.attempts
  link.cut()
  await pause(OUTAGE_MS)
  const attempts = link.attempts - attemptsBefore
  link.mend()
  const backAt = performance.now()

  say('it is back')
  await pause(AFTER_MS)
  over.abort()
  await Promise.all(callers)
  await Promise.all(pools.map((pool) => pool.close({ graceMs: 0 })))
  return rows(log, attempts, fullSpeedAfter(log.answers, backAt, perBucket))
}

async function call(pool: LockPool, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const from = performance.now()
    const knows = pool.connections.counts().failed > 0
    try {
      await pool.connections.query('SELECT 1')
      log.answers.push(performance.now())
    } catch (error) {
      if (knows) log.refusals.push(performance.now() - from)
      if (knows && (error as Error).cause instanceof Error) log.causes++
    }
    await pause(BETWEEN_MS)
  }
}

/** Seconds until at least 90 percent as many answers come as before. */
function fullSpeedAfter(answers: readonly number[], backAt: number, perBucket: number): number {
  for (let from = backAt; from < backAt + AFTER_MS; from += BUCKET_MS) {
    const count = answers.filter((at) => at >= from && at < from + BUCKET_MS).length
    if (count >= 0.9 * perBucket) return (from + BUCKET_MS - backAt) / 1000
  }
  return Infinity
}

function rows(log: Log, attempts: number, fullSpeedS: number): readonly Row[] {
  const among = `${POOLS} pools, ${POOLS * CALLERS_PER_POOL} callers, server away ${OUTAGE_MS / 1000} s`
  return [
    alone({
      what: `${among}: attempts per pool and second`,
      unit: 'attempts/s',
      ours: [attempts / POOLS / (OUTAGE_MS / 1000)],
      target: { of: 'ours', is: 'at most', limit: 2 },
    }),
    alone({
      what: `${among}: p99 of being refused, once that is known`,
      unit: 'ms',
      ours: [percentile(log.refusals, 0.99)],
      notes: [`${log.refusals.length} refusals, ${log.causes} of them with the cause`],
    }),
    alone({
      what: `${among}: back to 90 % of the speed`,
      unit: 's',
      ours: [fullSpeedS],
      target: { of: 'ours', is: 'at most', limit: 2 },
    }),
  ]
}
