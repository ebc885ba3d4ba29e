import { LockPool } from '../../src/mysql-lock-pool.js'
import type { Orders } from '../orders.js'
import type { GuardedRow, WorkerPool } from '../worker-parts.js'
import { CLAIM, WRITE } from './chaos-sql.js'
import { PatientConnection } from './patient-connection.js'
import { asUser, DATA_USER } from './users.js'

/** Fewer than there are workers, so that readers also wait for a slot. */
const SHARED_SLOTS = 2

export function mysqlParts(orders: Orders): { locks: WorkerPool; row: GuardedRow } {
  const { process: name, url, leaseMs, backend } = orders
  const locks = new LockPool({
    connection: url,
    applicationName: `chaos ${name}`,
    max: 3,
    leaseMs,
    backend: backend === 'table' ? backend : 'named',
    sharedSlots: backend === 'named-shared' ? SHARED_SLOTS : 0,
  })
  return { locks, row: new MysqlRow(asUser(url, DATA_USER)) }
}

class MysqlRow implements GuardedRow {
  readonly #connection: PatientConnection

  constructor(url: string) {
    this.#connection = new PatientConnection(url)
  }

  async claim(key: string, token: bigint): Promise<number | null> {
    const [row] = await this.#connection.call(CLAIM, [key, String(token)])
    return row![0] === null ? null : Number(row![0])
  }

  async write(key: string, ask: string, token: bigint, value: number): Promise<void> {
    await this.#connection.call(WRITE, [key, String(token), value, ask])
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
