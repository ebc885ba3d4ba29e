/**
 * Runs examples of documents one after the other, each with what its page takes for granted: node run-examples.mjs FILE...
 *
 * One that goes on until it is told to stop is told by closing its pool. The first that fails, or does not stop, ends all,
 * with its name.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { LockPool } from 'lockpool'

const PATIENCE_MS = 1500
/** How long one may take to stop when its pool is closed: only a busy machine needs as long as this. */
const STOPS_WITHIN_MS = 15_000

/** What a pool that is closed tells those who still want something of it. */
const ENDINGS = new Set(['POOL_CLOSED', 'LOCK_LOST'])

globalThis.signal = new AbortController().signal
globalThis.work = () => sleep(10)

for (const file of process.argv.slice(2)) {
  const locks = new LockPool()
  globalThis.locks = locks
  const done = import(file).then(
    () => 'done',
    (error) => error,
  )
  let outcome = await Promise.race([done, sleep(PATIENCE_MS, 'goes on')])
  await locks.close({ graceMs: 100 })
  if (outcome === 'goes on') outcome = await Promise.race([done, sleep(STOPS_WITHIN_MS, 'goes on')])
  if (outcome === 'done' || ENDINGS.has(outcome.code)) continue
  process.stderr.write(`${file}: ${outcome.stack ?? outcome}\n`)
  process.exit(1)
}
process.exit(0)
