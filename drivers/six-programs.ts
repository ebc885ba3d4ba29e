/**
 * Six programs run at once. Each locks, reads a counter, writes it plus one, and unlocks, 40 times. If the lock
 * excludes, the counter ends at 240. Behind PgBouncer in transaction mode the lock and the unlock go to different
 * server sessions: some locks exclude no one, and no one releases some others.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hasPgBouncer, PgBouncer } from '../test/support/pgbouncer.js'
import { NEW_COUNTER, READ_COUNTER } from './drivers-sql.js'
import { startFront, type Server } from './target.js'

const PROGRAMS = 6
const TIMES = 40
const TIMEOUT_MS = 30_000

export interface Scene {
  readonly name: string
  readonly counter: number
  /** Programs that did not end within the time limit, or failed. */
  readonly stuck: number
  readonly isRight: boolean
}

/** Returns null if psycopg2 or PgBouncer is missing. */
export async function sixPrograms(server: Server, python: string | null): Promise<readonly Scene[] | null> {
  if (python === null || !hasPgBouncer) return null
  const settings = { pool_mode: 'transaction', default_pool_size: 3 }
  await using bouncer = await PgBouncer.to(server.url, settings)
  const bouncerPort = Number(new URL(bouncer.url).port)
  await using before = await startFront(server, bouncer.url)
  await using alone = await startFront(server, 'pass')
  const all = PROGRAMS * TIMES
  const isAll = ({ counter, stuck }: { counter: number; stuck: number }): boolean =>
    counter === all && stuck === 0
  return [
    await scene('straight', server, server.port, python, isAll),
    await scene('front, others through PgBouncer', server, before.port, python, isAll),
    await scene('front alone', server, alone.port, python, isAll),
    // Last, because it leaves locks behind.
    await scene('PgBouncer in transaction mode', server, bouncerPort, python, (run) => !isAll(run)),
  ]
}

async function scene(
  name: string,
  server: Server,
  port: number,
  python: string,
  isRight: (run: { counter: number; stuck: number }) => boolean,
): Promise<Scene> {
  await server.admin.query(NEW_COUNTER)
  const codes = await Promise.all(Array.from({ length: PROGRAMS }, () => runOne(python, port)))
  const { rows } = await server.admin.query<{ value: number }>(READ_COUNTER)
  const run = { counter: rows[0]!.value, stuck: codes.filter((code) => code !== 0).length }
  return { name, ...run, isRight: isRight(run) }
}

async function runOne(python: string, port: number): Promise<number | null> {
  const child = spawn(python, ['drivers/programs/increment.py', String(TIMES)], {
    stdio: 'ignore',
    env: { ...process.env, PGPORT: String(port), PYTHONDONTWRITEBYTECODE: '1' },
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(timer)
  return code
}
