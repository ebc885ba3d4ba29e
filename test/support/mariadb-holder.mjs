/** Holds a lock, and prints its state in lines: `mariadb-holder.mjs URL KEY LEASE_MS [BACKEND]`. */
import { setTimeout as pause } from 'node:timers/promises'
import { LockPool } from '../../dist/mysql.js'

const [, , url, key, leaseMs, backend = 'named'] = process.argv
const locks = new LockPool({ connection: url, leaseMs: Number(leaseMs), backend })
const lock = await locks.acquire(key)
process.stdout.write(`held ${lock.token}\n`)
// Checks the lock from time to time, as a program does between two steps. The clock may have jumped.
while (lock.state === 'held') await pause(20)
process.stdout.write(`${lock.state}\n`)
await locks.close({ graceMs: 0 })
