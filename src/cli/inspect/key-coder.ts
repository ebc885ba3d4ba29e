import type { LockKey } from '../../dialect/lock-key.js'
import type { KeyNameRow } from '../../dialect/postgres/records/key-names.js'

/** How a database names keys. */
export interface KeyCoder {
  /** Whether a key of the server itself is a name; otherwise it is one number or two. */
  readonly hasNames: boolean
  /** The form of a key in `ServerLock.id`. */
  lockId(key: LockKey, namespace: string): string
  semaphoreId(key: LockKey, namespace: string): string
  nameRow(name: string, namespace: string, isSemaphore: boolean): KeyNameRow
}
