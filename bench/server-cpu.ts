import { readFile } from 'node:fs/promises'
import pg from 'pg'

const SESSIONS = `
SELECT pid
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`

/** The clock tick of the kernel, the same on every Linux that Node.js runs on. */
const MICROSECONDS_A_TICK = 10_000

/**
 * The processor time that the sessions of a server have used so far, in microseconds. Null if the server is on another
 * machine, or the system is not Linux.
 */
export async function serverCpu(client: pg.Client): Promise<number | null> {
  const { rows } = await client.query<{ pid: number }>(SESSIONS)
  const used = await Promise.all(rows.map(({ pid }) => ticksOf(pid)))
  if (used.includes(null)) return null
  return used.reduce<number>((sum, ticks) => sum + ticks!, 0) * MICROSECONDS_A_TICK
}

async function ticksOf(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat === null || !stat.includes('(postgres)')) return null
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
