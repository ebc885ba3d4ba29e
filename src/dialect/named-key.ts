import type { KeyCode } from './lock-key.js'
import type { SemaphoreCode } from './permit-operation.js'

/** What people call a key: the server knows only a number, which tells nobody anything. */
export interface NamedKey {
  readonly code: KeyCode
  readonly name: string
  readonly namespace: string
  /** If that is what it is the key of. */
  readonly semaphore: SemaphoreCode | null
}
