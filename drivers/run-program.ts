/** Runs one program against one port, and records the locks at the server at each of its checkpoints. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Client } from 'pg'
import { ADVISORY_LOCKS } from './drivers-sql.js'
import type { Program } from './programs.js'

/**
 * `classid:objid:objsubid mode`, as in pg_locks. A front holds a lock once for all sessions that share it, so each lock
 * is listed once.
 */
export type Locks = readonly string[]

export interface Run {
  /** The lines that the program printed. It prints `locks?` at each checkpoint. */
  readonly lines: readonly string[]
  /** The locks at each checkpoint, and last the locks that are left after the program has ended. */
  readonly locks: readonly Locks[]
  readonly exitCode: number | null
}

const TIMEOUT_MS = 120_000

export async function runProgram(
  program: Program,
  port: number,
  look: (checkpoint: number) => Promise<Locks>,
): Promise<Run> {
  const child = spawn('sh', ['-c', 'exec "$@" 2>&1', 'sh', ...program.command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...LOGIN, ...program.env, PGPORT: String(port) },
  })
  const exited = once(child, 'exit') as Promise<[number | null]>
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  child.stdin.on('error', () => undefined)
  const lines: string[] = []
  const locks: Locks[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (program.keep?.(line) ?? true) lines.push(line)
    if (line !== 'locks?') continue
    locks.push(await look(locks.length))
    child.stdin.write('\n')
  }
  const [exitCode] = await exited
  clearTimeout(timer)
  locks.push(await look(locks.length))
  return { lines, locks, exitCode }
}

const LOGIN = {
  PGHOST: '127.0.0.1',
  PGUSER: 'app',
  PGPASSWORD: 'secret',
  PGDATABASE: 'app',
  PYTHONDONTWRITEBYTECODE: '1',
}

async function readLocks(admin: Client): Promise<Locks> {
  const { rows } = await admin.query<{ key: string; mode: string }>(ADVISORY_LOCKS)
  // If a session holds a key in both modes, a front holds only the exclusive lock.
  const exclusive = new Set(rows.filter(({ mode }) => mode === 'ExclusiveLock').map(({ key }) => key))
  return rows
    .filter(({ key, mode }) => mode === 'ExclusiveLock' || !exclusive.has(key))
    .map(({ key, mode }) => `${key} ${mode}`)
}

/**
 * A client may learn that a lock is released a moment before the server shows it. That holds for a server session and
 * for a front.
 */
const SETTLE_MS = 5000
const STILL_MS = 150

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Reads the locks until they have not changed for `STILL_MS`. */
export async function readSettledLocks(admin: Client): Promise<Locks> {
  for (let locks = await readLocks(admin); ;) {
    await pause(STILL_MS)
    const next = await readLocks(admin)
    if (next.join() === locks.join()) return locks
    locks = next
  }
}

/** Reads the locks of `keys` until they are the expected ones, for at most `SETTLE_MS`. */
export async function readLocksLike(
  admin: Client,
  expected: Locks,
  keys: ReadonlySet<string>,
): Promise<Locks> {
  const end = Date.now() + SETTLE_MS
  for (;;) {
    const locks = (await readLocks(admin)).filter((lock) => keys.has(keyOf(lock)))
    if (locks.join() === expected.join() || Date.now() > end) return locks
    await pause(20)
  }
}

export const keyOf = (lock: string): string => lock.slice(0, lock.indexOf(' '))
