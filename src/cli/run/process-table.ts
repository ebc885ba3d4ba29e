import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** One process, as the system lists it. */
export interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  /** The group that the terminal of its session listens to; -1 without a terminal. */
  readonly foreground: number
  /** When it started, to distinguish it from a later process with the same pid. Empty if unknown. */
  readonly startedAt: string
}

/** All processes, except those that have ended and only wait for their parent to notice. */
export function readProcesses(): ProcessRow[] {
  const files = procFiles()
  if (files === null) return readWithPs(['-A'])
  return files.map(readStat).filter((row) => row !== null)
}

export function readProcess(pid: number): ProcessRow | null {
  return readStat(String(pid)) ?? readWithPs(['-p', String(pid)])[0] ?? null
}

/**
 * One line of `/proc/<pid>/stat`. The name, in parentheses, may contain spaces and parentheses. Null for a process
 * that has ended.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export function parseStat(text: string): ProcessRow | null {
  const pid = Number.parseInt(text, 10)
  const [state = 'X', ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [parent, group, session, , foreground] = fields.map(Number)
  if (isOver(state) || foreground === undefined) return null
  return { pid, parent: parent!, group: group!, session: session!, foreground, startedAt: fields[18] ?? '' }
}

/** One line of ps(1), with the columns of the call below. Not every system shows sessions, so the group is used instead. */
export function parsePs(text: string): ProcessRow | null {
  const [pid, parent, group, foreground, state] = text.trim().split(/\s+/)
  if (state === undefined || isOver(state)) return null
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    session: Number(group),
    foreground: Number(foreground),
    startedAt: '',
  }
}

function isOver(state: string): boolean {
  return /^[ZXx]/.test(state)
}

/** Null without the `/proc` of Linux. */
function procFiles(): string[] | null {
  try {
    const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    return names.length > 0 ? names : null
  } catch {
    return null
  }
}

function readStat(name: string): ProcessRow | null {
  try {
    return parseStat(readFileSync(`/proc/${name}/stat`, 'latin1'))
  } catch {
    // The process has ended meanwhile, or there is no such file system.
    return null
  }
}

const COLUMNS = ['pid', 'ppid', 'pgid', 'tpgid', 'state'].flatMap((name) => ['-o', `${name}=`])

function readWithPs(which: readonly string[]): ProcessRow[] {
  const ps = spawnSync('ps', [...which, ...COLUMNS], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  // ps lists itself too, but has ended by now.
  const rows = (ps.stdout ?? '').split('\n').map(parsePs)
  return rows.filter((row) => row !== null && row.pid !== ps.pid) as ProcessRow[]
}
