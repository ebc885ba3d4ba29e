import type { Backend, Dialect } from './options.js'

/** What a worker is told at its start: JSON on its command line. */
export interface Orders {
  /** Its name, and which life of it this is: `w2.3`. */
  readonly process: string
  /** By way of its own proxy. */
  readonly url: string
  readonly journal: string
  readonly seed: number
  readonly leaseMs: number
  readonly isStrict: boolean
  readonly dialect: Dialect
  readonly backend: Backend
  /** Where it listens past the pooler; null: it only looks. */
  readonly listenUrl: string | null
  readonly keys: number
  readonly callers: number
}
