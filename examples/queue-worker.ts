/**
 * A queue in a table, with any number of workers: each takes a job that no other worker has, and none waits.
 *
 * The row lock claims the job. (If no other lock is needed, one statement with FOR UPDATE SKIP LOCKED LIMIT 1 does the
 * same.) The row lock ends with the transaction. So the job of a worker that dies becomes free again, and the job and
 * its writes to the database are done together or not at all. Keep such jobs short, because each holds a connection.
 *
 *     DATABASE_URL=postgres://... node examples/queue-worker.ts
 */
import { fileURLToPath } from 'node:url'
import { LockPool, type LockTransaction } from 'lockpool'

export interface Job {
  readonly id: number
  readonly task: string
}

/** Does one job, or returns null if no job is free. If `work` throws, the job stays as it was. */
export async function workOnce(
  locks: LockPool,
  work: (job: Job, tx: LockTransaction) => Promise<void>,
): Promise<Job | null> {
  return locks.transaction(async (tx) => {
    const job = await claim(tx)
    if (job === null) return null
    await work(job, tx)
    await tx.query('UPDATE job SET done = true WHERE id = $1', [job.id])
    return job
  })
}

/** The oldest free job. A row lock sees the current row, so a job that was done in the meantime does not match. */
async function claim(tx: LockTransaction): Promise<Job | null> {
  const { rows } = await tx.query<{ id: number }>('SELECT id FROM job WHERE NOT done ORDER BY id LIMIT 100')
  for (const { id } of rows) {
    const [job] = await tx.lockRows<Job>('job', { id, done: false }, { wait: 'skip locked' })
    if (job !== undefined) return { id: job.id, task: job.task }
  }
  return null
}

export const JOB_TABLE = `CREATE TABLE IF NOT EXISTS job (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task text NOT NULL, done boolean NOT NULL DEFAULT false)`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool()
  await locks.connections.use(async (connection) => {
    await connection.query(JOB_TABLE)
    await connection.query(`INSERT INTO job (task) SELECT 'task ' || i FROM generate_series(1, 10) AS i`)
  })
  const worker = async (name: string): Promise<void> => {
    const work = ({ task }: Job): Promise<void> => Promise.resolve(console.log(`${name}: ${task}`))
    while ((await workOnce(locks, work)) !== null);
  }
  await Promise.all(['first', 'second', 'third'].map(worker))
  await locks.close()
}
