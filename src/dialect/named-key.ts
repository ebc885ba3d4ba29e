import type { KeyCode } from './lock-key.js'
import type { SemaphoreCode } from './permit-operation.js'

/** A key with its name for people. The server knows only the number. */
export interface NamedKey {
  readonly code: KeyCode
  readonly name: string
  readonly namespace: string
  /** The semaphore, if this is the key of one. */
  readonly semaphore: SemaphoreCode | null
}
