/**
 * A leader that can't do harm when it is late.
 *
 * One process at a time leads, and another takes over when it is gone. A leader that was suspended for a while learns
 * of its loss when it resumes, but a write of it may already be on its way. With `term.guard` the database refuses that
 * write: in the same transaction, it compares the token of the term with the largest token so far.
 *
 *     DATABASE_URL=postgres://... node examples/leader-with-fencing.ts     # in several terminals; stop the one that
 *     leads
 */
import { fileURLToPath } from 'node:url'
import { LockPool, type Campaign, type Term } from 'lockpool'

/** One step of the leader's work: a write that can't damage the work of a later leader. */
export async function writeAsLeader(locks: LockPool, term: Term, value: string): Promise<void> {
  await locks.transaction(async (tx) => {
    await term.guard(tx)
    await tx.query(
      `INSERT INTO setting (name, value) VALUES ('by the leader', $1)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      [value],
    )
  })
}

/** Works while the process leads. When it must stop, it returns, and only then is leadership handed over. */
export function leadAndWrite(locks: LockPool, name: string, everyMs: number): Campaign {
  const campaign = locks.campaign('settings', { name })
  void campaign.run(async (term) => {
    while (!term.signal.aborted) {
      await writeAsLeader(locks, term, name)
      await pause(everyMs, term.signal)
    }
  })
  return campaign
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

export const SETTING_TABLE = 'CREATE TABLE IF NOT EXISTS setting (name text PRIMARY KEY, value text NOT NULL)'

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool()
  await locks.connections.use((connection) => connection.query(SETTING_TABLE))
  locks.on('leader:elected', ({ name, token }) => console.log(`${name} leads, token ${token}`))
  locks.on('leader:left', ({ error }) => console.log(error === undefined ? 'handed over' : error.message))
  leadAndWrite(locks, `process ${process.pid}`, 1000)
  process.once('SIGINT', () => void locks.close())
}
