/**
 * Runs examples of the pages one after the other, each with the names that its page expects:
 * node run-examples.mjs FILE...
 *
 * The runner stops an endless example by closing its pool. The first example that fails or does not stop ends the run,
 * with its name.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { LockPool } from 'lockpool'

const RUN_LIMIT_MS = 1500
/** The time that an example may take to stop after its pool is closed. Only a busy machine needs this much. */
const STOPS_WITHIN_MS = 15_000

/** The errors that callers of a closed pool get. */
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
  let outcome = await Promise.race([done, sleep(RUN_LIMIT_MS, 'goes on')])
  await locks.close({ graceMs: 100 })
  if (outcome === 'goes on') outcome = await Promise.race([done, sleep(STOPS_WITHIN_MS, 'goes on')])
  if (outcome === 'done' || ENDINGS.has(outcome.code)) continue
  process.stderr.write(`${file}: ${outcome.stack ?? outcome}\n`)
  process.exit(1)
}
process.exit(0)
