import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from '../src/testing/seeded-random.js'
import type { Cluster } from './cluster.js'
import type { Watch } from './watch.js'
import type { Pooler } from './pooler.js'
import type { WorkerProcess } from './worker-process.js'

/** What a strike can lay hands on. */
export interface Scene {
  readonly random: SeededRandom
  readonly leaseMs: number
  readonly cluster: Cluster
  readonly workers: readonly WorkerProcess[]
  readonly watch: Watch
  /** In front of the server, with `backend: 'table'`. */
  readonly pooler: Pooler | null
}

/** From now on new connections go to that server. */
export function aimAt({ workers, pooler }: Scene, port: number): void {
  if (pooler !== null) pooler.network.aimAt(port)
  else for (const { proxy } of workers) proxy.aimAt(port)
}

/** One kind of fault. `act` resolves when it is over and everything works again. */
export interface StrikeKind {
  readonly kind: string
  /** How often, compared with the others. */
  readonly weight: number
  /** See `Strike` in history.ts. */
  readonly letsGo?: true
  readonly forgets?: true
  readonly isPause?: true
  readonly isSilence?: true
  /** The worker it hits is chosen for it; without one it hits the server. */
  readonly hits?: 'worker'
  /** What has to be there first, and hurts nobody. */
  prepare?(scene: Scene): Promise<void>
  act(scene: Scene, worker: WorkerProcess): Promise<void>
}

/** Between a moment, and rather longer than a lease. */
export function sometime({ random, leaseMs }: Scene, from: number, to: number): Promise<void> {
  return sleep(leaseMs * (from + (to - from) * random.next()))
}
