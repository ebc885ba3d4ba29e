import type { Backend, Dialect } from './options.js'

/** The orders for a worker: JSON on its command line. */
export interface Orders {
  /** Its name, and the number of its life: `w2.3`. */
  readonly process: string
  /** The address of its own proxy. */
  readonly url: string
  readonly journal: string
  readonly seed: number
  readonly leaseMs: number
  readonly isStrict: boolean
  readonly dialect: Dialect
  readonly backend: Backend
  /** The address at which it listens without the pooler. Null if it only polls. */
  readonly listenUrl: string | null
  readonly keys: number
  readonly callers: number
}
