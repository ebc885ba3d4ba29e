/** A process that holds a lock, and says so in lines: `mariadb-holder.mjs URL KEY LEASE_MS [BACKEND]`. */
import { setTimeout as pause } from 'node:timers/promises'
import { LockPool } from '../../dist/mysql.js'

const [, , url, key, leaseMs, backend = 'named'] = process.argv
const locks = new LockPool({ connection: url, leaseMs: Number(leaseMs), backend })
const lock = await locks.acquire(key)
process.stdout.write(`held ${lock.token}\n`)
// A look every now and then, as a program that checks between two steps. The clock may have jumped.
while (lock.state === 'held') await pause(20)
process.stdout.write(`${lock.state}\n`)
await locks.close({ graceMs: 0 })
