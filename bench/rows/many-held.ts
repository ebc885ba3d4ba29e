import { LockPool, type Lock } from '../../src/index.js'
import { inTurn, latencies, percentile } from '../measure.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { ConnectionWatch } from '../server.js'

const HELD = 10_000
const BURST = 500
const CONNECTIONS = 5
const APPLICATION = 'lockpool-bench-many-held'

/** Holds many locks at once on few connections. Measures the cost for the next caller. */
export const manyHeld: Group = { name: 'many-held', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  const options = { connection: url, max: CONNECTIONS, maxHeldLocks: 2 * HELD }
  await using empty = await new LockPool(options).ready()
  const watch = new ConnectionWatch(url, APPLICATION)
  await using full = await new LockPool({ ...options, applicationName: APPLICATION }).ready()
  const locks = await holdMany(full, say)

  const measured = await inTurn(
    rounds,
    { full: () => p50OfOneMore(full, seconds), empty: () => p50OfOneMore(empty, seconds) },
    say,
  )
  await Promise.all(locks.map((lock) => lock.release()))
  const { most, looks } = await watch.stop()
  return [
    compared({
      what: `${HELD} held: acquiring and releasing one more, p50`,
      unit: 'ms',
      ours: measured.full,
      reference: { name: 'an empty pool', figures: measured.empty },
      target: { of: 'ratio', is: 'at most', limit: 3 },
    }),
    alone({
      what: 'connections the server saw meanwhile',
      unit: 'connections',
      ours: [most],
      target: { of: 'ours', is: 'at most', limit: CONNECTIONS },
      notes: [`the most in ${looks} looks at pg_stat_activity`],
    }),
  ]
}

/**
 * Acquires in bursts, so that the pool has time to spread the locks over its sessions. Each statement takes longer if
 * its session holds more locks.
 */
async function holdMany(locks: LockPool, say: (what: string) => void): Promise<Lock[]> {
  const held: Lock[] = []
  while (held.length < HELD) {
    say(`${held.length} locks held`)
    const burst = Array.from({ length: BURST }, (_, index) => locks.acquire(`held ${held.length + index}`))
    held.push(...(await Promise.all(burst)))
  }
  return held
}

async function p50OfOneMore(locks: LockPool, seconds: number): Promise<number> {
  const taken = await latencies(seconds, async () => {
    const lock = await locks.acquire('one more')
    await lock.release()
  })
  return percentile(taken, 0.5)
}
