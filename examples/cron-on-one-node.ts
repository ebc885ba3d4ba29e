/**
 * A cron job that runs once, although every node of a service has the same schedule.
 *
 * A lock alone is not enough: the clocks of the nodes differ, so one node may start when another has finished already.
 * So the lock keeps two runs apart, and a row records the last run.
 *
 *     DATABASE_URL=postgres://... node examples/cron-on-one-node.ts
 */
import { fileURLToPath } from 'node:url'
import { LockPool } from 'lockpool'

/** Runs `job` for the time `due`, unless it has run for that time or is running. Returns whether this call ran it. */
export async function runOnce(
  locks: LockPool,
  name: string,
  due: Date,
  job: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const lock = await locks.tryAcquire(`cron ${name}`)
  if (lock === null) return false
  try {
    if (!(await isDue(locks, name, due))) return false
    // If the lock is lost, a job should stop as soon as it can, because another node may start it.
    await job(lock.signal)
    await locks.connections.use((connection) =>
      connection.query(
        `INSERT INTO cron_run AS run (name, due) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET due = greatest(run.due, excluded.due)`,
        [name, due],
      ),
    )
    return true
  } finally {
    await lock.release()
  }
}

async function isDue(locks: LockPool, name: string, due: Date): Promise<boolean> {
  const { rows } = await locks.connections.use((connection) =>
    connection.query('SELECT 1 FROM cron_run WHERE name = $1 AND due >= $2', [name, due]),
  )
  return rows.length === 0
}

export const CRON_TABLE =
  'CREATE TABLE IF NOT EXISTS cron_run (name text PRIMARY KEY, due timestamptz NOT NULL)'

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool()
  await locks.connections.use((connection) => connection.query(CRON_TABLE))
  const thisMinute = new Date(Math.floor(Date.now() / 60_000) * 60_000)
  const ran = await runOnce(locks, 'report', thisMinute, () => Promise.resolve())
  console.log(ran ? 'ran the report of this minute' : 'another node has run it')
  await locks.close()
}
