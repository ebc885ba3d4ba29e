import type { LockMode } from '../../lock-key.js'
import type { PostgresKey } from '../keys/key.js'

/** What this member has, and the token of its row. */
export interface Held {
  readonly key: PostgresKey
  readonly mode: LockMode
  readonly token: bigint
}
