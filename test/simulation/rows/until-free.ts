import type { Clock } from '../../../src/base/clock.js'
import type { RowServer } from './row-server.js'

/** How long it may take to declare a member dead and to clean up its rows: some leases of 1000 ms. */
const FREE_WITHIN_MS = 8000

interface TidyWorld {
  readonly clock: Clock
  readonly rows: RowServer
  /** The ids of all current lock sessions. */
  readonly sessions: () => ReadonlySet<number>
  readonly live: (ms: number) => Promise<void>
}

/**
 * Waits until no row names a process other than `janitor`, and no member is left without a session. Call this when no caller
 * outside the janitor holds a lock or waits for one.
 */
export async function untilFree({ clock, rows, sessions, live }: TidyWorld, janitor: string): Promise<void> {
  const end = clock.now() + FREE_WITHIN_MS
  for (;;) {
    const left = [...named(rows, janitor), ...gone(rows, sessions())]
    if (left.length === 0) return
    if (clock.now() > end) throw new Error(`rows still name processes: ${left.join('; ')}`)
    // oxlint-disable-next-line no-await-in-loop -- time passes
    await live(100)
  }
}

function named({ leases, members }: RowServer, janitor: string): string[] {
  return [...leases].flatMap(([key, { owner, readers, waiters, token }]) => {
    const isOwn = owner !== null && members.get(owner)?.name === janitor
    if (isOwn || (owner === null && readers.length + waiters.length === 0)) return []
    const who = [...(owner === null ? [] : [owner]), ...readers, ...waiters]
    const known = who.map((each) => `${each} (${members.get(Math.abs(each))?.name ?? 'gone'})`)
    return [`${key}: ${known.join(', ')}, token ${token}`]
  })
}

function gone({ members }: RowServer, sessions: ReadonlySet<number>): string[] {
  return [...members].flatMap(([id, { name }]) => (sessions.has(id) ? [] : [`member ${id} of ${name}`]))
}
