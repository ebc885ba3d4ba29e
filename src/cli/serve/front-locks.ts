import type { Lock } from '../../lock/handle/lock.js'
import { LockPool } from '../../postgres-lock-pool.js'
import type { LockSource } from '../../serve/locks/lock-source.js'
import type { PermitSource } from '../../serve/locks/own-calls.js'
import type { ServeOrder } from './serve-order.js'

/** The limit for waiting clients. Each client waits for at most one lock at a time. */
const MOST_WAITING = 1_000_000

/** The pool whose locks all clients share. @throws {InvalidOptionError} */
export function openLocks(
  order: ServeOrder,
  url: string | undefined,
  report: (message: string) => void,
): LockPool {
  const pool = new LockPool({
    max: order.max,
    maxWaiting: Math.min(Math.max(order.maxClients, 1000) * 2, MOST_WAITING),
    acquireTimeoutMs: Infinity,
    leaseMs: order.leaseMs,
    strict: order.isStrict,
    namespace: order.namespace,
    applicationName: 'lockpool serve',
    ...(url === undefined ? {} : { connection: url }),
  })
  pool.on('warning', ({ message, error }) => {
    if (pool.snapshot().state === 'open')
      report(error === undefined ? message : `${message}: ${error.message}`)
  })
  pool.on('session:lost', ({ reason, locks }) =>
    report(`a lock session was lost with ${locks} locks: ${reason}`),
  )
  return pool
}

const SHARED = { mode: 'shared', timeoutMs: Infinity } as const

const labelOf = ({ label }: Lock): { readonly label?: string } => (label === null ? {} : { label })

/** `isStrict`: locks of a strict pool keep their mode. */
export function sourceOf(pool: LockPool, isStrict: boolean): LockSource & PermitSource {
  return {
    acquire: (key, mode, { timeoutMs, signal, label }) =>
      pool.acquire(key, { mode, timeoutMs, signal, label }),
    tryAcquire: (key, mode, { signal, label }) => pool.tryAcquire(key, { mode, signal, label }),
    upgrade: (lock, { timeoutMs, signal, label }, mayWait) =>
      pool.convert(lock, { mode: 'exclusive', timeoutMs, signal, label }, mayWait ? 'wait' : 'ask'),
    downgrade: (lock) =>
      isStrict ? null : (pool.convert(lock, { ...SHARED, ...labelOf(lock) }, 'wait') as Promise<Lock>),
    permit: (name, permits, { timeoutMs, signal, label }) =>
      pool.semaphore(name, permits).acquire({ timeoutMs, signal, label }),
  }
}
