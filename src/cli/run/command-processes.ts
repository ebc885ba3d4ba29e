import { sleep, type Clock } from '../../base/clock.js'
import { readProcesses, type ProcessRow } from './process-table.js'

/** The first and the longest interval between checks whether all have ended: on a big host, a check takes 50 ms. */
const FIRST_LOOK_MS = 10
const LAST_LOOK_MS = 250

/** How long processes may take to end after SIGKILL, which they can't refuse, before they are given up. */
const KILL_LIMIT_MS = 2000

/**
 * The command and everything it has started: all descendants of this process, those in the session of the command even if
 * their own parent has gone, and those that were seen to belong to it before.
 */
export class CommandProcesses {
  readonly #head: number
  readonly #hasOwnSession: boolean
  readonly #clock: Clock
  readonly #seen = new Map<number, string>()

  /** `head` is the command. If it `hasOwnSession`, it also leads its own process group. */
  constructor(head: number, hasOwnSession: boolean, clock: Clock) {
    this.#head = head
    this.#hasOwnSession = hasOwnSession
    this.#clock = clock
  }

  /** The living members. They are remembered, so that one that loses its parent later is still known. */
  look(): readonly ProcessRow[] {
    const session = this.#hasOwnSession ? this.#head : null
    const members = membersOf(readProcesses(), process.pid, session, this.#seen)
    for (const { pid, startedAt } of members) this.#seen.set(pid, startedAt)
    return members
  }

  /** Sends the signal to every member, once. */
  signal(signal: NodeJS.Signals): void {
    const members = this.look()
    // The whole group at once: one by one, a member could start another process meanwhile.
    if (this.#hasOwnSession) send(-this.#head, signal)
    for (const { pid, group } of members) {
      if (!this.#hasOwnSession || group !== this.#head) send(pid, signal)
    }
  }

  /** SIGTERM, and after `graceMs` SIGKILL. Returns the pids that are left even then. */
  async end(graceMs: number, onKill: () => void): Promise<readonly number[]> {
    this.signal('SIGTERM')
    // A stopped process could not react.
    this.signal('SIGCONT')
    if ((await this.gone(graceMs)).length === 0) return []
    onKill()
    const deadline = this.#clock.now() + KILL_LIMIT_MS
    // In a loop: a process may start another just before it is killed.
    for (;;) {
      this.signal('SIGKILL')
      const left = await this.gone(LAST_LOOK_MS)
      if (left.length === 0 || this.#clock.now() >= deadline) return left
    }
  }

  /** Waits until all have ended, for at most `limitMs`. Returns the pids that are left. */
  async gone(limitMs: number): Promise<readonly number[]> {
    const deadline = this.#clock.now() + limitMs
    for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, LAST_LOOK_MS)) {
      const left = this.look()
      const remainingMs = deadline - this.#clock.now()
      if (left.length === 0 || remainingMs <= 0) return left.map((member) => member.pid)
      await sleep(this.#clock, Math.min(pauseMs, remainingMs))
    }
  }
}

/**
 * The descendants of `ancestor` (without itself), the members of `session`, the processes `seen` before, and the descendants
 * of all these. If a process with a pid in `seen` started at another time, it is a different process.
 */
export function membersOf(
  rows: readonly ProcessRow[],
  ancestor: number,
  session: number | null,
  seen: ReadonlyMap<number, string>,
): ProcessRow[] {
  const children = new Map<number, ProcessRow[]>()
  for (const row of rows) {
    const siblings = children.get(row.parent)
    if (siblings === undefined) children.set(row.parent, [row])
    else siblings.push(row)
  }
  const isKnown = (row: ProcessRow): boolean => row.session === session || seen.get(row.pid) === row.startedAt
  const found = new Set<ProcessRow>([...(children.get(ancestor) ?? []), ...rows.filter(isKnown)])
  // The iteration over a set also reaches elements that are added during it.
  for (const row of found) {
    for (const child of children.get(row.pid) ?? []) found.add(child)
  }
  return [...found]
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has just ended. Or it belongs to another user; then it remains, and is reported.
  }
}
