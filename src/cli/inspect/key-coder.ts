import type { LockKey } from '../../dialect/lock-key.js'
import type { KeyNameRow } from '../../dialect/postgres/records/key-names.js'

/** How a database calls keys. */
export interface KeyCoder {
  /** As `ServerLock.id` of a lock has it. */
  lockId(key: LockKey, namespace: string): string
  semaphoreId(key: LockKey, namespace: string): string
  nameRow(name: string, namespace: string, isSemaphore: boolean): KeyNameRow
}
