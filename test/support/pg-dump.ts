import { execFileSync } from 'node:child_process'
import { inject } from 'vitest'
import { query } from './query.js'

/** A long restore of a small database is one that hangs. */
const LIMIT_MS = 60_000

function run(program: 'pg_dump' | 'pg_restore', ...args: readonly string[]): Buffer {
  return execFileSync(program, args, { timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Whether pg_dump and pg_restore are there, and no older than the server: an older pg_dump refuses to work. */
export async function canDump(): Promise<boolean> {
  const rows = await query<{ version: number }>(
    inject('serverUrl'),
    `SELECT current_setting('server_version_num')::int / 10000 AS version`,
  )
  try {
    const major = (program: 'pg_dump' | 'pg_restore'): number =>
      Number(/(\d+)/.exec(run(program, '--version').toString())![1])
    return Math.min(major('pg_dump'), major('pg_restore')) >= rows[0]!.version
  } catch {
    return false
  }
}

/** All that pg_dump can say about a database, or what `args` leave of it, in a file. */
export function dump(url: string, file: string, ...args: readonly string[]): void {
  run('pg_dump', '--format=custom', `--file=${file}`, ...args, url)
}

export function restore(url: string, file: string, ...args: readonly string[]): void {
  run('pg_restore', '--exit-on-error', `--dbname=${url}`, ...args, file)
}
