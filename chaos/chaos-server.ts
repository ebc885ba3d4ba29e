import type { Write } from './history.js'
import type { Backend } from './options.js'
import type { Scene, StrikeKind } from './strike-kind.js'
import type { Looks } from './watch.js'

/** What of an order concerns the server. */
export interface RoundPlan {
  readonly name: string
  readonly keys: number
  readonly backend: Backend
  readonly leaseMs: number
}

/** A server of one kind, on which round after round is held. */
export interface ChaosServer {
  begin(plan: RoundPlan): Promise<RoundServer>
  stop(): Promise<void>
}

/** What one round has of it: a database of its own, with a row behind each lock. */
export interface RoundServer {
  /** Where workers connect. */
  readonly url: string
  /** Where a worker listens past a pooler; null: it does not. */
  listenUrlOf(index: number): string | null
  readonly looks: Looks
  strikes(scene: Scene): readonly StrikeKind[]
  /** The workers have gone: so may what stood between them and the server. */
  workersHaveGone(): Promise<void>
  /** While one more process is there, called `janitor`, which cleans up after those that were killed. */
  withJanitor<T>(janitor: string, look: () => Promise<T>): Promise<T>
  acceptedWrites(): Promise<Write[]>
  remove(): Promise<void>
}
