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
  readonly keys: number
  readonly callers: number
}
