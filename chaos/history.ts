import type { LockMode } from '../src/dialect/lock-key.js'

/** Milliseconds on the clock that all processes of a machine share: on Linux, CLOCK_MONOTONIC. */
export type Moment = number

export function sharedNow(): Moment {
  return Number(process.hrtime.bigint()) / 1e6
}

/** From `from` to `to`, both on the shared clock. */
export interface Span {
  readonly from: Moment
  readonly to: Moment
}

/**
 * What a worker writes down, one line of JSON each. An `ask` is one call of `acquire`, and names the lock it may become.
 *
 * - `held`       the application looked at `lock.state` and was told that it holds the lock. The moment is one *before* the
 *                look, so it is certain, however long the process was stopped in between
 * - `releasing`  the last use of the lock has been, and `release()` is called
 */
export type WorkerEvent = { readonly at: Moment; readonly wall: number } & (
  | { readonly what: 'started'; readonly leaseMs: number }
  | {
      readonly what: 'asked'
      readonly ask: string
      readonly key: string
      readonly mode: LockMode
      /** How long it may take by what the caller was promised. Infinity is written as null. */
      readonly withinMs: number | null
    }
  | { readonly what: 'granted'; readonly ask: string; readonly token: string }
  | { readonly what: 'held'; readonly ask: string }
  | { readonly what: 'releasing' | 'released'; readonly ask: string }
  | { readonly what: 'lost'; readonly ask: string; readonly reason: string }
  | { readonly what: 'refused'; readonly ask: string; readonly code: string }
  | { readonly what: 'counted'; readonly handedOff: number; readonly keys?: readonly object[] }
  | { readonly what: 'unhandled'; readonly message: string }
  | { readonly what: 'closed' }
)

/** One life of a worker: what it wrote, and how it ended by what its parent saw. */
export interface Life {
  readonly process: string
  readonly events: readonly WorkerEvent[]
  /** Whether its last line was cut short, as a kill may do. */
  readonly endedAt: Moment | null
  readonly how: 'killed' | 'exited' | 'crashed' | 'stuck'
}

/** A fault that was struck, and when it was over. */
export interface Strike extends Span {
  readonly kind: string
  /** The worker it hit, or null if it hit the server. */
  readonly process: string | null
  /**
   * Whether the server may free locks because of it before the holder can know: then two may believe for a moment that
   * they hold, unless the pools are strict.
   */
  readonly letsGo: boolean
  /** Whether the server, or the one in its place, may have forgotten what it had told to have written. */
  readonly forgets: boolean
  /** Whether the worker could do nothing at all, deadlines included. */
  readonly isPause: boolean
  /** Whether the holder is silent to the server, so that its lease must run out. */
  readonly isSilence: boolean
}

export interface Holder {
  /** `w2.3`; null if it is no worker, or none that is known. */
  readonly process: string | null
  readonly token: string
}

/** Which keys somebody has, by the server's own lock table. */
export interface Sighting {
  readonly at: Moment
  readonly held: ReadonlySet<string>
  /** By key, the process that the server takes to have it, and since which token; of locks that are rows alone. */
  readonly holders?: ReadonlyMap<string, Holder>
  /** What the server said, for people: the rows of keys, and of processes. */
  readonly rows?: readonly object[]
}

/** A write to the guarded row that the server accepted, in the order in which it did. */
export interface Write {
  readonly key: string
  readonly ask: string
  readonly token: bigint
  readonly value: number
}

/** All that is known of a run. */
export interface History {
  readonly leaseMs: number
  readonly isStrict: boolean
  readonly endedAt: Moment
  readonly lives: readonly Life[]
  readonly strikes: readonly Strike[]
  /** While no fault was in force, nor had been for a while. */
  readonly calms: readonly Span[]
  readonly sightings: readonly Sighting[]
  readonly writes: readonly Write[]
  /** What the server still had after every pool was closed. */
  readonly leaks: readonly string[]
}
