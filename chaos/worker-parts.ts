import { LockPool } from '../src/index.js'
import type { Orders } from './orders.js'
import { PostgresRow } from './postgres-row.js'

/** What a worker uses of a pool, whatever its server. */
export interface WorkerPool extends Pick<LockPool, 'acquire' | 'tryAcquire' | 'close' | 'snapshot'> {
  ready(): Promise<unknown>
}

/** The resource behind the locks, as an application uses it: on connections of its own, which may fail like any other. */
export interface GuardedRow {
  /** Leaves the token and reads the value; null if a later holder has been here. Rejects if nobody can tell. */
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
