/**
 * Takes locks of a few keys in both modes for some seconds, and prints each hold in a line of JSON:
 * `mariadb-readers.mjs URL SHARED_SLOTS SECONDS`. The times are those of a clock that all processes share. With 0 seconds it
 * takes one lock in shared mode, and holds it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { LockPool } from '../../dist/mysql.js'

const [, , url, sharedSlots, seconds] = process.argv
const locks = new LockPool({ connection: url, sharedSlots: Number(sharedSlots), leaseMs: 60_000, max: 3 })
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`)
const now = () => Number(process.hrtime.bigint()) / 1e6

async function caller(until) {
  while (now() < until) {
    const key = `key ${Math.floor(Math.random() * 2)}`
    const mode = Math.random() < 0.7 ? 'shared' : 'exclusive'
    const lock =
      Math.random() < 0.2 ? await locks.tryAcquire(key, { mode }) : await locks.acquire(key, { mode })
    if (lock === null) continue
    const from = now()
    await pause(Math.random() * 4)
    const to = now()
    await lock.release()
    say({ process: process.pid, key, mode, from, to, token: String(lock.token) })
  }
}

if (seconds === '0') {
  await locks.acquire('key', { mode: 'shared' })
  say('held')
  await pause(600_000)
}
await locks.ready()
const until = now() + Number(seconds) * 1000
await Promise.all([caller(until), caller(until), caller(until)])
await locks.close()
