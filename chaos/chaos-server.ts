import type { Strike, Write } from './history.js'
import type { Backend } from './options.js'
import type { Scene, StrikeKind } from './strike-kind.js'
import type { Looks } from './watch.js'

/** The parts of a round's order that concern the server. */
export interface RoundPlan {
  readonly name: string
  readonly keys: number
  readonly backend: Backend
  readonly leaseMs: number
}

/** A server of one kind, for many rounds. */
export interface ChaosServer {
  begin(plan: RoundPlan): Promise<RoundServer>
  stop(): Promise<void>
}

/** What one round uses of the server: a separate database, with a row behind each lock. */
export interface RoundServer {
  /** The address for workers. */
  readonly url: string
  /** The address at which a worker listens without the pooler. Null if it does not listen. */
  listenUrlOf(index: number): string | null
  readonly looks: Looks
  strikes(scene: Scene): readonly StrikeKind[]
  /**
   * Called when the workers have ended: their proxies and pooler may end too. Returns what happened to these without an
   * order.
   */
  workersHaveGone(): Promise<readonly Strike[]>
  /** Runs `look` while one more process exists, called `janitor`, which cleans up after killed processes. */
  withJanitor<T>(janitor: string, look: () => Promise<T>): Promise<T>
  acceptedWrites(): Promise<Write[]>
  remove(): Promise<void>
}
