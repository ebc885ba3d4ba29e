import type { LockMode } from '../src/dialect/lock-key.js'

/** Milliseconds on the clock that all processes of a machine share: CLOCK_MONOTONIC on Linux. */
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
 * The events that a worker records, each as one line of JSON. An `ask` is one call of `acquire`, and names the lock
 * that it may get.
 *
 * - `granted`: without a token after `pg_advisory_lock`, which has none
 * - `held`: `lock.state` said that the application holds the lock. The time is from *before* that check, so it is
 *   certain, however long the process was paused in between
 * - `releasing`: the last use of the lock is over, and `release()` is called next
 */
export type WorkerEvent = { readonly at: Moment; readonly wall: number } & (
  | { readonly what: 'started'; readonly leaseMs: number }
  | {
      readonly what: 'asked'
      readonly ask: string
      readonly key: string
      readonly mode: LockMode
      /** How long the call may take according to its options. Infinity is written as null. */
      readonly withinMs: number | null
    }
  | { readonly what: 'granted'; readonly ask: string; readonly token: string | null }
  | { readonly what: 'held'; readonly ask: string }
  | { readonly what: 'releasing' | 'released'; readonly ask: string }
  | { readonly what: 'lost'; readonly ask: string; readonly reason: string }
  | { readonly what: 'refused'; readonly ask: string; readonly code: string }
  | { readonly what: 'counted'; readonly handedOff: number; readonly keys?: readonly object[] }
  | { readonly what: 'unhandled'; readonly message: string }
  | { readonly what: 'closed' }
)

/** One life of a worker: its events, and the way in which it ended according to its parent. */
export interface Life {
  readonly process: string
  /** The front that it locks through, without the number of its life: `f1`. */
  readonly behind?: string
  readonly events: readonly WorkerEvent[]
  /** Null if the worker is still running. */
  readonly endedAt: Moment | null
  readonly how: 'killed' | 'exited' | 'crashed' | 'stuck'
}

/** A fault, and when it was over. */
export interface Strike extends Span {
  readonly kind: string
  /** The worker or the front that it hit, or null if it hit the server. */
  readonly process: string | null
  /**
   * Whether the server may therefore free locks before the holder can know. Then two callers may believe for a moment
   * that they hold the same lock, unless the pools are strict.
   */
  readonly letsGo: boolean
  /** Whether the server, or its replacement, may have forgotten writes that it had confirmed. */
  readonly forgets: boolean
  /** Whether the worker, or the clients of the front, could do nothing at all, so that even deadlines were late. */
  readonly isPause: boolean
  /** Whether the server hears nothing from the holder, so that its lease must run out. */
  readonly isSilence: boolean
}

export interface Holder {
  /** `w2.3`, or null for an unknown process. */
  readonly process: string | null
  readonly token: string
}

/** The keys that are locked, according to the server. */
export interface Sighting {
  readonly at: Moment
  readonly held: ReadonlySet<string>
  /** For locks that are rows: the process that holds each key according to the server, and its token. */
  readonly holders?: ReadonlyMap<string, Holder>
  /** The rows of keys and of processes, for people. */
  readonly rows?: readonly object[]
}

/** A write to the guarded row that the server accepted, in the order of acceptance. */
export interface Write {
  readonly key: string
  readonly ask: string
  readonly token: bigint
  readonly value: number
}

/** Everything that is known about a run. */
export interface History {
  readonly leaseMs: number
  readonly isStrict: boolean
  readonly endedAt: Moment
  readonly lives: readonly Life[]
  readonly strikes: readonly Strike[]
  /** Spans without a fault, and long enough after the last one. */
  readonly calms: readonly Span[]
  readonly sightings: readonly Sighting[]
  readonly writes: readonly Write[]
  /** What the server still had after every pool was closed. */
  readonly leaks: readonly string[]
}
