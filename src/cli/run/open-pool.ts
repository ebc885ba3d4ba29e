import { durationInWords } from '../../inspect/durations-in-words.js'
import type { LockPool } from '../../postgres-lock-pool.js'
import { holdersOf } from './holders.js'
import type { Report } from './reporter.js'
import type { RunOrder } from './run-order.js'

/**
 * A pool for one run: a connection that holds the lock, one that listens while the lock is waited for, and on a terminal
 * one that finds out who holds it.
 *
 * @throws {InvalidOptionError} among others if there is something wrong with the URL
 */
export async function openPool(order: RunOrder, report: Report, namesHolders: boolean): Promise<LockPool> {
  // The driver comes with it, so not before the command line has been understood.
  const { LockPool } = await import('../../postgres-lock-pool.js')
  const { connection, mode, namespace, waitMs } = order
  const pool = new LockPool({
    min: 0,
    max: namesHolders ? 3 : 2,
    acquireTimeoutMs: waitMs,
    applicationName: 'lockpool run',
    namespace,
    ...(connection === null ? {} : { connection: connection.url }),
  })
  let isReported = false
  pool.on('waiter:queued', () => {
    // Several keys are waited for one after the other.
    if (waitMs === 0 || isReported) return
    isReported = true
    report('waiting', { mode, waitMs: waitMs === Infinity ? null : waitMs })
    if (namesHolders) void reportHolders(order, pool, report)
  })
  const warn = (message: string): void => {
    // What ends because the pool is closing is no reason for a warning.
    if (pool.snapshot().state === 'open') report('warning', { message })
  }
  pool.on('warning', ({ message, error }) => {
    warn(error === undefined ? message : `${message}: ${error.message}`)
  })
  pool.on('primary:changed', ({ host, timeline, downMs }) => {
    const where = timeline === null ? host : `${host}, timeline ${timeline}`
    warn(`the primary has changed: it is ${where}, and was away for ${durationInWords(downMs)}`)
  })
  pool.on('session:lost', ({ reason }) => warn(`a connection was lost: ${reason}`))
  return pool
}

async function reportHolders(order: RunOrder, pool: LockPool, report: Report): Promise<void> {
  const holders = await holdersOf(order, pool)
  const isWaiting = pool.snapshot().waiting > 0
  if (holders.length > 0 && isWaiting) report('blocked', { holders })
}
