import { execFileSync } from 'node:child_process'
import { inject } from 'vitest'
import { query } from './query.js'

/** A restore of a small database that takes this long hangs. */
const LIMIT_MS = 60_000

function run(program: 'pg_dump' | 'pg_restore', ...args: readonly string[]): Buffer {
  return execFileSync(program, args, { timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Whether pg_dump and pg_restore are installed and not older than the server. An older pg_dump refuses to work. */
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

/** Dumps a database to a file, completely or as `args` select. */
export function dump(url: string, file: string, ...args: readonly string[]): void {
  run('pg_dump', '--format=custom', `--file=${file}`, ...args, url)
}

export function restore(url: string, file: string, ...args: readonly string[]): void {
  run('pg_restore', '--exit-on-error', `--dbname=${url}`, ...args, file)
}
