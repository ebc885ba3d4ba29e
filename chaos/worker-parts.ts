import { LockPool } from '../src/index.js'
import type { Orders } from './orders.js'
import { PostgresRow } from './postgres-row.js'

/** What a worker uses of a pool, with any server. */
export interface WorkerPool extends Pick<LockPool, 'acquire' | 'tryAcquire' | 'close' | 'snapshot'> {
  ready(): Promise<unknown>
}

/**
 * The resource that the locks protect, in the form that an application uses: on separate connections, which may fail
 * like any other.
 */
export interface GuardedRow {
  /**
   * Stores the token and returns the value. Returns null if a later holder has been here. Rejects if that is unknown.
   */
  claim(key: string, token: bigint): Promise<number | null>
  write(key: string, ask: string, token: bigint, value: number): Promise<void>
  close(): Promise<void>
}

export async function partsOf(orders: Orders): Promise<{ locks: WorkerPool; row: GuardedRow }> {
  if (orders.dialect === 'mysql') return (await import('./mysql/mysql-parts.js')).mysqlParts(orders)
  const { process: name, url, leaseMs, isStrict, backend, listenUrl } = orders
  const options = { connection: url, applicationName: `chaos ${name}`, max: 3, leaseMs }
  const locks = new LockPool({
    ...options,
    ...(backend === 'table' ? { backend } : { strict: isStrict }),
    ...(listenUrl === null ? {} : { listenConnection: listenUrl }),
  })
  return { locks, row: new PostgresRow(url, `chaos ${name} data`) }
}
